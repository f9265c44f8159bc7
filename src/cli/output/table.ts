import { escapeLine } from "../../wire/text.ts";
import { paint } from "../terminal/paint.ts";

const gap = 3;
/** The least width of a column that is cut, so that its cells can still be told apart. */
const leastWidth = 6;

export interface TableOptions {
  /** Width of the terminal; undefined sets no limit. */
  columns: number | undefined;
  color: boolean;
  headers: boolean;
}

/**
 * Rows under headers, aligned, without borders, so that `awk` can split every line. Cells are cut only where a terminal
 * would wrap them, the widest column first, and the first column (the name) never.
 */
export function table(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string {
  const cells = rows.map((row) => row.map(escapeLine));
  const titles = headers.map(escapeLine);
  const widths = narrowed(widthsOf(options.headers ? [titles, ...cells] : cells), options.columns);
  const line = (row: readonly string[]) =>
    tableLine(
      row.map((cell, i) => cut(cell, widths[i]!)),
      widths,
    );
  const head = options.headers ? [paint(options.color, "bold", line(titles))] : [];
  return [...head, ...cells.map(line)].map((text) => `${text}\n`).join("");
}

/** One line of cells in columns of these widths. A wider cell moves the rest of its line. */
export function tableLine(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, i) => cell + " ".repeat(Math.max(0, widths[i]! - Bun.stringWidth(cell)) + gap))
    .join("")
    .trimEnd();
}

function cut(cell: string, width: number): string {
  return Bun.stringWidth(cell) > width ? `${Bun.sliceAnsi(cell, 0, width - 1)}…` : cell;
}

/** The width that each column needs. */
export function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(cell));
  return widths;
}

function narrowed(widths: readonly number[], columns: number | undefined): number[] {
  const fitted = [...widths];
  if (columns === undefined) return fitted;
  let excess = fitted.reduce((sum, width) => sum + width, gap * (fitted.length - 1)) - columns;
  while (excess-- > 0) {
    const widest = Math.max(...fitted.slice(1));
    if (widest <= leastWidth) break;
    fitted[fitted.indexOf(widest, 1)] = widest - 1;
  }
  return fitted;
}
