/** A line of a comparison. */
export interface DiffLine {
  sign: " " | "+" | "-";
  text: string;
  key: string;
}

/** The most lines that are compared one by one; longer texts are shown as removed and added. */
const mostLines = 2000;

/** Compares two texts line by line: the longest common part stays. */
export function linesOfDiff(before: string, after: string): DiffLine[] {
  const old = before === "" ? [] : before.split("\n");
  const now = after.split("\n");
  const lines: DiffLine[] = [];
  const add = (sign: DiffLine["sign"], text: string) => lines.push({ sign, text, key: `${lines.length}` });
  if (old.length > mostLines || now.length > mostLines) {
    for (const text of old) add("-", text);
    for (const text of now) add("+", text);
    return lines;
  }
  // Lengths of the longest common part of what follows.
  const width = now.length + 1;
  const common = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      common[i * width + j] =
        old[i] === now[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      add(" ", old[i]!);
      i++;
      j++;
    } else if (
      i < old.length &&
      (j >= now.length || common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    )
      add("-", old[i++]!);
    else add("+", now[j++]!);
  }
  return lines;
}
