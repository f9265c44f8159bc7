import { AppError } from "../../errors.ts";
import { onDeadlySignal } from "./deadly-signals.ts";
import { HiddenLine } from "./hidden-line.ts";

/**
 * Asks on the terminal and returns the line that was typed. If `hidden`, keys are read in raw mode, so that nothing
 * shows, not even the length.
 *
 * @throws AppError `interrupted` on Ctrl-C and at the end of the input; `usage` if several lines were pasted at once into
 *   a hidden answer: the first would be taken for the whole, and the rest be shown
 */
export async function ask(question: string, hidden: boolean, signal: AbortSignal): Promise<string> {
  const { stdin } = process;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const interrupted = () => reject(new AppError("interrupted", "interrupted"));
  const stop = hidden ? askHidden(question, resolve, reject) : askShown(question, resolve, reject);
  // An earlier question has paused it, and a listener alone does not resume it.
  stdin.resume();
  signal.addEventListener("abort", interrupted, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", interrupted);
    stop();
    stdin.pause();
  }
}

type Resolve = (line: string) => void;
type Reject = (error: AppError) => void;

/** Asks for a line that the terminal shows and edits. Returns what ends it. */
function askShown(question: string, resolve: Resolve, reject: Reject): () => void {
  const { stdin, stderr } = process;
  let line = "";
  const onData = (text: string) => {
    line += text;
    const end = line.search(/[\r\n]/);
    if (end >= 0) resolve(line.slice(0, end));
  };
  const onEnd = () => {
    stderr.write("\n");
    if (line === "")
      reject(new AppError("interrupted", `no answer to "${question.trim()}": the input has ended`));
    else resolve(line);
  };
  stderr.write(question);
  stdin.setEncoding("utf8").on("data", onData).on("end", onEnd);
  return () => void stdin.off("data", onData).off("end", onEnd);
}

/** Asks for a line that is not shown. Returns what ends it, and restores the terminal. */
function askHidden(question: string, resolve: Resolve, reject: Reject): () => void {
  const { stdin, stderr } = process;
  const typed = new HiddenLine({
    done: resolve,
    interrupted: () => reject(new AppError("interrupted", "interrupted")),
    severalLines: () =>
      reject(
        new AppError(
          "usage",
          `the answer to "${question.trim()}" has several lines; nothing of it was used`,
          {
            hint: "a key or a password is one line: copy it again",
          },
        ),
      ),
    suspended() {
      stdin.setRawMode(false);
      stderr.write("\n");
      // To everything in this pipeline, as the terminal itself does it.
      process.kill(0, "SIGTSTP");
      // Where no shell could continue it, the signal does nothing, and no SIGCONT follows.
      stdin.setRawMode(true);
    },
  });
  const onContinue = () => {
    typed.clear();
    // The shell may have changed the mode, which is set only where it differs from the one set last.
    stdin.setRawMode(false);
    stdin.setRawMode(true);
    stderr.write(question);
  };
  const stop = () => {
    typed.clear();
    stdin.off("data", typed.type).off("end", typed.end);
    process.off("SIGCONT", onContinue);
    endWatch();
    stdin.setRawMode(false);
    stderr.write("\n");
  };
  // Before the question shows: whoever answers at once would see their answer echoed.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding("utf8").on("data", typed.type).on("end", typed.end);
  process.on("SIGCONT", onContinue);
  const endWatch = onDeadlySignal(() => stop());
  return stop;
}
