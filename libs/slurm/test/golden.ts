import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";

/** Compares with a file in test/golden; UPDATE_GOLDEN=1 writes it, for a person to read as a diff. */
export function expectGolden(name: string, actual: string): void {
  const path = join(import.meta.dirname, "golden", name);
  if (process.env["UPDATE_GOLDEN"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
  }
  expect(actual).to.equal(readFileSync(path, "utf8"));
}
