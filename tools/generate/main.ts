/** Writes what is generated from the schemas in libs/api. tools/test/generated.test.ts fails when this was forgotten. */
import { join, resolve } from "node:path";
import { writeFileIfChanged } from "@cluster-os/std/drivers";
import { generatedFiles } from "./generated.ts";

const root = resolve(import.meta.dirname, "../..");
for (const [path, content] of generatedFiles()) {
  const isNew = await writeFileIfChanged(join(root, path), content, { mode: 0o644 });
  console.log(`${isNew ? "wrote    " : "unchanged"} ${path}`);
}
