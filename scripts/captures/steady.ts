import type { Cell } from "../../test/support/pseudo-terminal.ts";

/** Texts that differ from run to run, and those that a picture shows instead. The same length keeps the columns. */
const replacements: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, () => "2026-11-29T10:00:00Z"],
  [/\b(req_[0-9a-f]{8,}|[a-z]{3}_[0-9a-z]{26})\b/g, (id) => id.slice(0, 4) + filled(id.slice(4))],
  [/(?<=-)[0-9a-f]{6,8}(?=['". ]|$)/g, filled],
  [/127\.0\.0\.1:(?!11434)\d+/g, () => "127.0.0.1:7777"],
  [/\b\d+(\.\d+)? ms\b/g, () => "8 ms"],
  [/\b\d+ms\b/g, () => "8ms"],
  [/\b\d+(\.\d+)? tokens\/s/g, () => "61 tokens/s"],
  [/\b\d+(\.\d+)? [kMG]?B(?= free)/g, () => "412 GB"],
  [/\b\d+(\.\d+)? [kM]?B\b(?=.*\b(?:log|free)\b)/g, () => "360 kB"],
  [/\b\d+s ago\b/g, () => "2s ago"],
];

/** Returns a row with times, ids, ports and durations that are the same in every run, and without the user's folder. */
export function steady(row: readonly Cell[], home: string): Cell[] {
  const text = row.map((cell) => cell.text).join("");
  const shown = replacements.reduce(
    (line, [pattern, as]) => line.replace(pattern, as),
    text.replaceAll(home, "~"),
  );
  if (shown === text) return [...row];
  // The styles of rows that change go with the characters that stay: those before the first difference.
  const characters = [...shown.trimEnd()];
  return characters.map((character, i) => ({ ...(row[i] ?? row.at(-1)!), text: character }));
}

/** A text of the same length for an id: a part of a fixed sequence. */
function filled(id: string): string {
  const sequence = "01k9x4m7q2t8";
  return Array.from(id, (_, i) => sequence[i % sequence.length]).join("");
}
