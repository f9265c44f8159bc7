import { paint } from "../../terminal/paint.ts";

/** Returns a unified diff with its removed lines in red and its added ones in green, if `color` is set. */
export function coloredDiff(text: string, color: boolean): string {
  return text
    .split("\n")
    .map((line) => {
      if (line.startsWith("+")) return paint(color, "green", line);
      return line.startsWith("-") ? paint(color, "red", line) : line;
    })
    .join("\n");
}
