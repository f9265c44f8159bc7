import { AppError } from "../../../errors.ts";
import type { Context } from "../../core/context.ts";
import { reportFailure } from "../../core/failure.ts";
import type { LineEditor } from "../../terminal/terminal.ts";
import { runCommand } from "./commands.ts";
import { History } from "./history.ts";
import { speak } from "./speak.ts";
import type { Talk } from "./talk.ts";

/**
 * Talks until the person leaves: with /quit, Ctrl-D, or Ctrl-C twice. Ctrl-C stops an answer that is coming; what goes
 * wrong is told, and the conversation goes on.
 *
 * @returns the exit code
 */
export async function converse(talk: Talk, context: Context): Promise<number> {
  const { terminal } = context;
  const history = openHistory(context);
  const editor = await terminal.lines(history?.lines ?? []);
  const { kind, name } = talk.partner;
  terminal.err(`${kind} ${name}; /help shows what there is besides talking\n`);
  let isLeaving = false;
  try {
    for (;;) {
      await terminal.drain();
      const typed = await readLines(editor);
      if (typed === "ended") return 0;
      if (typed === "interrupted") {
        if (isLeaving) return 130;
        isLeaving = true;
        terminal.err("Ctrl-C again, or /quit, to leave\n");
        continue;
      }
      isLeaving = false;
      if (typed.trim() === "") continue;
      remember(history, typed, context);
      try {
        if (typed.startsWith("/")) {
          if (await runCommand(typed, talk, context)) return 0;
        } else isLeaving = await answer(talk, typed, context, editor);
      } catch (error) {
        if (context.signal.aborted || isNobodyThere(error, typed, talk)) throw error;
        reportFailure(error, terminal, context.flags.verbose);
      }
    }
  } finally {
    editor.close();
  }
}

/** Whether there is nobody to talk to, as the first words show. Whoever answered once may come back. */
function isNobodyThere(error: unknown, typed: string, { messages }: Talk): boolean {
  return (
    error instanceof AppError && error.code === "not_found" && messages.length === 0 && !typed.startsWith("/")
  );
}

/** Returns whether the answer was stopped: the next Ctrl-C is then the second one. */
async function answer(talk: Talk, text: string, context: Context, editor: LineEditor): Promise<boolean> {
  const stop = new AbortController();
  editor.onInterrupt = () => stop.abort();
  try {
    await speak(talk, text, context.terminal, AbortSignal.any([stop.signal, context.signal]));
    return false;
  } catch (error) {
    const isStopped = error instanceof AppError && error.code === "interrupted" && !context.signal.aborted;
    if (!isStopped) throw error;
    context.terminal.err("stopped; it counts as not said. Ctrl-C again to leave\n");
    return true;
  } finally {
    editor.onInterrupt = undefined;
  }
}

/** One line, or several where all but the last end in a backslash. */
async function readLines(editor: LineEditor): Promise<string | "interrupted" | "ended"> {
  const lines: string[] = [];
  for (;;) {
    const typed = await editor.read(lines.length === 0 ? "> " : "… ");
    if (typeof typed === "string") return typed;
    if (!typed.line.endsWith("\\")) return [...lines, typed.line].join("\n");
    lines.push(typed.line.slice(0, -1));
  }
}

/** Without a history one can still talk. */
function openHistory({ home, terminal }: Context): History | undefined {
  try {
    return History.open(home);
  } catch (error) {
    terminal.err(`no history: ${(error as Error).message}\n`);
    return undefined;
  }
}

function remember(history: History | undefined, typed: string, { terminal }: Context): void {
  try {
    for (const line of typed.split("\n")) history?.add(line);
  } catch (error) {
    terminal.err(`the history was not written: ${(error as Error).message}\n`);
  }
}
