import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { parse } from "yaml";
import { GENERATE_COMMAND, generatedFiles } from "../generate/generated.ts";

const root = resolve(import.meta.dirname, "../..");

describe("generated files", () => {
  for (const [path, content] of generatedFiles()) {
    it(`${path} is what the schemas say`, async () => {
      const found = await readFile(join(root, path), "utf8").catch(() => "");
      expect(found === content, `${path} is stale: run ${GENERATE_COMMAND}`).to.equal(true);
    });
  }

  it("every field of a reference page has a meaning", () => {
    const silent = [...generatedFiles()]
      .filter(([path]) => path.endsWith(".md"))
      .flatMap(([path, content]) =>
        content
          .split("\n")
          .filter((line) => /^\| `.*\|\s+\|$/.test(line))
          .map((line) => `${path}: ${line}`),
      );
    expect(silent).to.deep.equal([]);
  });

  it("the definition's YAML is read back as it was", () => {
    const text = generatedFiles().get("infra/crds/clusternodes.yaml") ?? "";
    expect((parse(text) as { metadata: { name: string } }).metadata.name).to.equal(
      "clusternodes.cluster-os.dev",
    );
  });
});
