import type { Cell } from "../../test/support/pseudo-terminal.ts";

/** Sizes in pixels: of a character, of a line, and of the space around the text. */
const size = { column: 8.4, line: 19, margin: 16, font: 14 };

/** The eight colours of a terminal, on light and on dark ground. */
const palette = [
  ["#1f2328", "#6e7681"],
  ["#cf222e", "#ff7b72"],
  ["#116329", "#3fb950"],
  ["#7d4e00", "#d29922"],
  ["#0550ae", "#58a6ff"],
  ["#8250df", "#bc8cff"],
  ["#1b7c83", "#39c5cf"],
  ["#6e7781", "#b1bac4"],
] as const;

const ground = { light: { back: "#f6f8fa", text: "#1f2328" }, dark: { back: "#0d1117", text: "#e6edf3" } };

/** Cells of one style that stand together. */
interface Run {
  column: number;
  text: string;
  style: string;
}

/**
 * Draws a screen as an SVG with real text, in light or dark as the reader's system is.
 *
 * @param rows the characters; empty rows at the end are left out
 * @param title the text for those who cannot see it
 */
export function svgOf(rows: readonly (readonly Cell[])[], title: string): string {
  const last = rows.findLastIndex((row) => row.some(isDrawn));
  const shown = rows.slice(0, last + 1);
  const columns = Math.max(40, ...shown.map((row) => row.findLastIndex(isDrawn) + 1));
  const width = Math.ceil(columns * size.column + 2 * size.margin);
  const height = Math.ceil(shown.length * size.line + 2 * size.margin);
  const lines = shown.flatMap((row, at) => drawn(runsOf(row), at));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${styles()}</style>`,
    `<rect class="back" width="${width}" height="${height}" rx="8"/>`,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

function isDrawn({ text, isInverse }: Cell): boolean {
  return text !== " " || isInverse;
}

function runsOf(row: readonly Cell[]): Run[] {
  const runs: Run[] = [];
  for (const [column, cell] of row.entries()) {
    const style = styleOf(cell);
    const before = runs.at(-1);
    if (before && before.style === style && before.column + before.text.length === column)
      before.text += cell.text;
    else runs.push({ column, text: cell.text, style });
  }
  return runs;
}

function styleOf({ color, isBold, isDim, isInverse }: Cell): string {
  const words = [
    ...(color !== undefined && color < 16 ? [`c${color % 8}`] : []),
    ...(isBold ? ["bold"] : []),
    ...(isDim ? ["dim"] : []),
    ...(isInverse ? ["inverse"] : []),
  ];
  return words.join(" ");
}

function drawn(runs: readonly Run[], row: number): string[] {
  const top = size.margin + row * size.line;
  return runs.flatMap(({ column, text, style }) => {
    const isInverse = style.includes("inverse");
    const trimmed = isInverse ? text : text.trimEnd();
    const lead = isInverse ? 0 : trimmed.length - trimmed.trimStart().length;
    const word = trimmed.slice(lead);
    if (word === "") return [];
    const x = fixed(size.margin + (column + lead) * size.column);
    const long = fixed(word.length * size.column);
    const name = style === "" ? "" : ` class="${style}"`;
    const box = isInverse
      ? [`<rect class="box" x="${x}" y="${fixed(top)}" width="${long}" height="${size.line}"/>`]
      : [];
    const y = fixed(top + size.font);
    return [
      ...box,
      `<text${name} x="${x}" y="${y}" textLength="${long}" xml:space="preserve">${escaped(word)}</text>`,
    ];
  });
}

function styles(): string {
  const fonts = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";
  const theme = (name: "light" | "dark", at: 0 | 1) => {
    const { back, text } = ground[name];
    const colors = palette.map((one, i) => `.c${i}{fill:${one[at]}}`).join("");
    return `.back{fill:${back}}text,.box{fill:${text}}${colors}.inverse{fill:${back}}`;
  };
  return [
    `text{font:${size.font}px ${fonts}}.bold{font-weight:bold}.dim{opacity:.65}`,
    theme("light", 0),
    `@media (prefers-color-scheme:dark){${theme("dark", 1)}}`,
  ].join("");
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
