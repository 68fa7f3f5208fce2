import { stringify } from "yaml";

/** Plain objects as YAML documents in one file. Nothing is folded or aliased, so that a diff of two files is readable. */
export function yamlDocuments(...documents: readonly object[]): string {
  return documents
    .map((document) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}
