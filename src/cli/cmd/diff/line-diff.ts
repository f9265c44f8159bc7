/** One line of a comparison: in both texts, only in the old one, or only in the new one. */
interface Line {
  mark: " " | "-" | "+";
  text: string;
}

/**
 * The unified diff of two texts, with its two header lines; empty if they are the same.
 *
 * @param names the names of the two texts in the header
 */
export function unifiedDiff(
  before: string,
  after: string,
  names: readonly [string, string],
  around = 3,
): string {
  if (before === after) return "";
  const lines = compare(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines, around).map(([from, to]) => {
    const count = (mark: string, end: number, start = 0) =>
      lines.slice(start, end).filter((line) => line.mark !== mark).length;
    const range = (mark: string) => {
      const length = count(mark, to, from);
      return `${count(mark, from) + (length === 0 ? 0 : 1)},${length}`;
    };
    const body = lines.slice(from, to).map(({ mark, text }) => `${mark}${text}\n`);
    return `@@ -${range("+")} +${range("-")} @@\n${body.join("")}`;
  });
  return `--- ${names[0]}\n+++ ${names[1]}\n${hunks.join("")}`;
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Pairs the longest common subsequence of lines. Equal lines at both ends are skipped first: most lines are equal. */
function compare(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let [a, b] = [before.length, after.length];
  while (a > start && b > start && before[a - 1] === after[b - 1]) [a, b] = [a - 1, b - 1];
  const same = (text: string): Line => ({ mark: " ", text });
  return [
    ...before.slice(0, start).map(same),
    ...changed(before.slice(start, a), after.slice(start, b)),
    ...before.slice(a).map(same),
  ];
}

function changed(before: readonly string[], after: readonly string[]): Line[] {
  // longest[i][j]: the length of the longest common subsequence of the lines from i and from j on.
  const longest = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      longest[i]![j] =
        before[i] === after[j]
          ? longest[i + 1]![j + 1]! + 1
          : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!);
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) {
      lines.push({ mark: " ", text: before[i]! });
      [i, j] = [i + 1, j + 1];
    } else if (i < before.length && (j === after.length || longest[i + 1]![j]! >= longest[i]![j + 1]!)) {
      lines.push({ mark: "-", text: before[i++]! });
    } else {
      lines.push({ mark: "+", text: after[j++]! });
    }
  }
  return lines;
}

/** The ranges of changed lines with the lines around them. Ranges that touch become one. */
function hunksOf(lines: readonly Line[], around: number): [from: number, to: number][] {
  const hunks: [number, number][] = [];
  for (const [index, { mark }] of lines.entries()) {
    if (mark === " ") continue;
    const [from, to] = [Math.max(0, index - around), Math.min(lines.length, index + around + 1)];
    const last = hunks.at(-1);
    if (last && from <= last[1]) last[1] = to;
    else hunks.push([from, to]);
  }
  return hunks;
}
