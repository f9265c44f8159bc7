const styles = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

/** Adds a style to a text if `on` is true. */
export function paint(on: boolean, style: keyof typeof styles, text: string): string {
  const [begin, end] = styles[style];
  return on ? `\u001b[${begin}m${text}\u001b[${end}m` : text;
}
