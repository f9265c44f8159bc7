import { AppError } from "../../errors.ts";

const enter = new Set(["\r", "\n", "\u0004"]);
const backspace = new Set(["\u007f", "\b"]);

/**
 * Asks on the terminal and returns the line that was typed. If `hidden`, keys are read in raw mode, so that nothing
 * shows, not even the length. Throws AppError `interrupted` on Ctrl-C.
 */
export async function ask(question: string, hidden: boolean, signal: AbortSignal): Promise<string> {
  const { stdin, stderr } = process;
  // Before the question shows: whoever answers at once would see their answer echoed.
  if (hidden) stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding("utf8");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const interrupted = () => reject(new AppError("interrupted", "interrupted"));
  let line = "";
  const onData = (text: string) => {
    for (const character of text) {
      if (character === "\u0003") return interrupted();
      if (enter.has(character)) return resolve(line);
      if (backspace.has(character)) line = [...line].slice(0, -1).join("");
      else line += character;
    }
  };
  const onEnd = () => resolve(line);
  stdin.on("data", onData);
  stdin.on("end", onEnd);
  // An earlier question has paused it, and a listener alone does not resume it.
  stdin.resume();
  signal.addEventListener("abort", interrupted, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", interrupted);
    stdin.off("data", onData);
    stdin.off("end", onEnd);
    stdin.pause();
    if (hidden) {
      stdin.setRawMode(false);
      stderr.write("\n");
    }
  }
}
