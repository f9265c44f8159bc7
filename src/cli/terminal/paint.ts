import { escapeBlock } from "../../wire/text.ts";

const styles = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

/**
 * Stands in a text for the begin of an escape sequence, until the text is written. It is different in each process, so
 * that no text from elsewhere can have it (T42).
 */
let mark: string | undefined;

/** Adds a style to a text if `on` is true. The text is for `Terminal.out` and `Terminal.err`, which know the style. */
export function paint(on: boolean, style: keyof typeof styles, text: string): string {
  const [begin, end] = styles[style];
  if (!on) return text;
  mark ??= `\u001b<${crypto.randomUUID()}>`;
  return `${mark}${begin}m${text}${mark}${end}m`;
}

/** Escapes a text of several lines for the terminal, and turns the styles of `paint` into escape sequences. */
export function shown(text: string): string {
  if (mark === undefined) return escapeBlock(text);
  const [first, ...styled] = text.split(mark);
  return escapeBlock(first!) + styled.map(sequence).join("");
}

/** An escape sequence and the text after it. */
function sequence(part: string): string {
  const end = part.indexOf("m") + 1;
  return `\u001b[${part.slice(0, end)}${escapeBlock(part.slice(end))}`;
}
