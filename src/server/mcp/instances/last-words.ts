/** Lines that say what went wrong, in the words of most programs. */
const telling =
  /\b(?:fatal|panic|\w*error|\w*exception|failed|failure|cannot|can't|could not|unable|denied|missing|required|requires|unauthori[sz]ed|forbidden|no such|not found|not set|unsupported|invalid)\b/i;

/** Lines that only say where it went wrong, or how the program is used. */
const noise = [
  /^at .+[:)]/,
  /^File ".*", line \d+/,
  /Traceback \(most recent call last\)/,
  /^\w+: (?:null|\d+|\[.*\]),?$/,
  /^[\^~}\])|+\s-]*$/,
  /^--?\w/,
  /^npm (?:error|warn) (?:A complete log|errno|syscall|path|code\b|enoent$|EBADENGINE)/i,
  /^npm warn/i,
  /^npm error$/i,
  /^Node\.js v\d/,
  /^time="[^"]*" level=(?:warning|info)/,
  /^throw err/,
  /^node:internal/,
];

/** The most lines, and the most characters of one, that are shown. */
const shownLines = 4;
const shownLength = 300;

/**
 * Chooses the lines of a program's stderr by which people see why it ended: those that name a fault, and its last line.
 * Programs write the reason first, and then a page of other things.
 */
export function lastWords(lines: readonly string[]): string[] {
  const plain = lines.map(readable).filter((line) => !noise.some((pattern) => pattern.test(line)));
  const reasons = [...new Set(plain.filter((line) => telling.test(line)))];
  if (reasons.length === 0) return plain.slice(-shownLines).map(short);
  const last = plain.at(-1)!;
  const chosen = reasons.slice(-shownLines);
  // The first reason is often the cause of the others.
  if (!chosen.includes(reasons[0]!)) chosen[0] = reasons[0]!;
  return (chosen.includes(last) ? chosen : [...chosen, last]).map(short);
}

/** Returns a line without the frame of Python's groups of exceptions; of a line of JSON, which may be cut, its message. */
function readable(line: string): string {
  const text = line.replace(/^[\s|+]+/, "").trim();
  if (!text.startsWith("{")) return text;
  const words = [fieldOf(text, "message|msg"), fieldOf(text, "error|err")].filter((word) => word);
  return words.length > 0 ? words.join(": ") : text;
}

/** Returns the text of a field of JSON, whose name is one of several. */
function fieldOf(text: string, names: string): string | undefined {
  const literal = new RegExp(`"(?:${names})":\\s*("(?:[^"\\\\]|\\\\.)*")`).exec(text)?.[1];
  if (literal === undefined) return undefined;
  try {
    return JSON.parse(literal);
  } catch {
    return undefined;
  }
}

function short(line: string): string {
  return line.length > shownLength ? `${line.slice(0, shownLength)}…` : line;
}
