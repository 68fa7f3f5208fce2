import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { decodeCbor } from "@cluster-os/identity";
import { fromHex } from "@cluster-os/std";

const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/records.md"), "utf8");
const folder = join(import.meta.dirname, "golden");

/** The fields that the page lists under a record's heading. */
function documented(name: string, version: number): readonly string[] | undefined {
  const [, section] = page.split(`### ${name}, version ${version}\n`);
  const own = section?.split(/\n##/)[0];
  if (own === undefined) return undefined;
  return [...own.matchAll(/^\| `([A-Za-z]+)`/gm)].map(([, field]) => field ?? "");
}

describe("the reference of records", () => {
  // A box is no record.
  for (const file of readdirSync(folder).filter((name) => name !== "ring-handing.hex")) {
    it(`has the fields of ${file}, in type and version as its bytes say`, () => {
      const bytes = fromHex(readFileSync(join(folder, file), "utf8").replaceAll("\n", ""));
      const [name, version, , body] = decodeCbor(bytes) as [string, number, Uint8Array, Uint8Array];
      const fields = Object.keys(decodeCbor(body) as object);
      expect(documented(name, version), `${name}, version ${version}`).to.have.members(fields);
    });
  }
});
