/** A table for docs/reference/measurements.md. Columns whose name ends with a unit in brackets are numbers. */
export function markdownTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return (
    line(headers) +
    line(headers.map((header) => (header.endsWith(")") ? "---:" : "---"))) +
    rows.map(line).join("")
  );
}
