/** Header of a column, and the cell of a row in it. */
export type Columns<Row> = Record<string, (row: Row) => string>;

/** A Markdown table whose columns are as wide as what stands in them. A number that is not known, or not finite, is `-`. */
export function table<Row>(rows: readonly Row[], columns: Columns<Row>): string {
  const cells = [
    Object.keys(columns),
    ...rows.map((row) => Object.values(columns).map((read) => read(row).replace(/^-?(NaN|Infinity)$/, "-"))),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(3, ...cells.map((line) => line[i]!.length)));
  const [header, ...body] = cells.map(
    (line) =>
      `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`,
  );
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [header, rule, ...body].join("\n");
}

export function megabytes(bytes: number): number {
  return bytes / 1e6;
}
