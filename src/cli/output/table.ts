import { escapeLine } from "../../wire/text.ts";
import { paint } from "../terminal/paint.ts";

const gap = 3;
/** The least width of a column that is cut, so that its cells can still be told apart. */
const leastWidth = 6;
/** The width down to which a column is cut before others are left out. */
const fairWidth = 16;

/** A column of a table. A word stands for a column that stays and may be cut. */
export interface TableColumn {
  header: string;
  /** On a terminal that is too narrow, the columns with the highest rank are left out first; one without a rank stays. */
  rank?: number | undefined;
  /** Its cells are never cut. Those of the first column never are. */
  whole?: true | undefined;
}

export interface TableOptions {
  /** Width of the terminal; undefined sets no limit. */
  columns: number | undefined;
  color: boolean;
  headers: boolean;
}

/** The columns of a table that fit, and their widths. */
export interface Layout {
  /** Indices of the columns that are shown. */
  shown: readonly number[];
  widths: readonly number[];
  /** True for each shown column whose cells are never cut. */
  whole: readonly boolean[];
}

/**
 * Rows under headers, aligned, without borders, so that `awk` can split every line. Columns are left out and cells are
 * cut only where a terminal would wrap them, the widest column first, and the first column (the name) never.
 */
export function table(
  headers: readonly (string | TableColumn)[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string {
  const layout = layoutOf(headers, rows, options.columns, options.headers);
  const head = options.headers ? [paint(options.color, "bold", layoutLine(titlesOf(headers), layout))] : [];
  return [...head, ...rows.map((row) => layoutLine(row, layout))].map((text) => `${text}\n`).join("");
}

/** The headers of columns as a row. */
export function titlesOf(headers: readonly (string | TableColumn)[]): string[] {
  return headers.map((one) => (typeof one === "string" ? one : one.header));
}

/**
 * Chooses the columns that fit into a width, and how wide each is.
 *
 * @param columns the width of the terminal; undefined sets no limit
 * @param withHeaders the headers are printed, so that they take room
 */
export function layoutOf(
  headers: readonly (string | TableColumn)[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
  withHeaders = true,
): Layout {
  const all = headers.map((one): TableColumn => (typeof one === "string" ? { header: one } : one));
  const cells = rows.map((row) => row.map(escapeLine));
  const natural = widthsOf(withHeaders ? [titlesOf(headers).map(escapeLine), ...cells] : cells);
  const isWhole = (i: number) => i === 0 || all[i]!.whole === true;
  const width = (i: number) => natural[i] ?? 0;
  let shown = all.map((_, i) => i);
  if (columns !== undefined) {
    const needed = (i: number) =>
      isWhole(i) || all[i]!.rank !== undefined ? width(i) : Math.min(width(i), fairWidth);
    const leaving = shown
      .filter((i) => all[i]!.rank !== undefined)
      .sort((a, b) => all[a]!.rank! - all[b]!.rank!);
    while (leaving.length > 0 && total(shown.map(needed)) > columns) {
      const gone = leaving.pop();
      shown = shown.filter((i) => i !== gone);
    }
  }
  const whole = shown.map(isWhole);
  return { shown, whole, widths: narrowed(shown.map(width), whole, columns) };
}

/** One line of a table with a layout. A cell that is wider than its column is cut, or moves the rest of its line. */
export function layoutLine(row: readonly string[], { shown, widths, whole }: Layout): string {
  const cells = shown.map((i, at) => {
    const text = escapeLine(row[i] ?? "");
    return whole[at] ? text : cut(text, widths[at]!);
  });
  return tableLine(cells, widths);
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

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, gap * Math.max(0, widths.length - 1));
}

function narrowed(
  widths: readonly number[],
  whole: readonly boolean[],
  columns: number | undefined,
): number[] {
  const fitted = [...widths];
  if (columns === undefined) return fitted;
  for (let excess = total(fitted) - columns; excess > 0; excess--) {
    const widest = Math.max(0, ...fitted.filter((_, i) => !whole[i]));
    if (widest <= leastWidth) break;
    fitted[fitted.findIndex((width, i) => !whole[i] && width === widest)] = widest - 1;
  }
  return fitted;
}
