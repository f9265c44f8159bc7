import { AppError } from "../../../errors.ts";
import type { Context } from "../../core/context.ts";
import { reportFailure } from "../../core/failure.ts";
import type { LineEditor } from "../../terminal/terminal.ts";
import { runCommand } from "./commands.ts";
import type { Conversation } from "./conversation.ts";
import { History } from "./history.ts";
import { printAnswer } from "./print-answer.ts";

/**
 * Runs a conversation on the terminal until /quit, Ctrl-D, or Ctrl-C twice. Ctrl-C stops a running answer. After an
 * error the conversation continues.
 *
 * @returns the exit code
 */
export async function converse(conversation: Conversation, context: Context): Promise<number> {
  const { terminal } = context;
  const history = openHistory(context);
  const editor = await terminal.lines(history?.lines ?? []);
  const { kind, name } = conversation.partner;
  terminal.err(`${kind} ${name}; /help lists the commands\n`);
  let isLeaving = false;
  try {
    for (;;) {
      await terminal.drain();
      const typed = await readLines(editor);
      if (typed === "ended") return 0;
      if (typed === "interrupted") {
        if (isLeaving) return 130;
        isLeaving = true;
        terminal.err("To leave: Ctrl-C again, or /quit\n");
        continue;
      }
      isLeaving = false;
      if (typed.trim() === "") continue;
      remember(history, typed, context);
      try {
        if (typed.startsWith("/")) {
          if (await runCommand(typed, conversation, context)) return 0;
        } else isLeaving = await answer(conversation, typed, context, editor);
      } catch (error) {
        if (context.signal.aborted || isMissing(error, typed, conversation)) throw error;
        reportFailure(error, terminal, context.flags.verbose);
      }
    }
  } finally {
    editor.close();
  }
}

/** True if the first message shows that the persona or llm does not exist. One that has answered may come back. */
function isMissing(error: unknown, typed: string, { messages }: Conversation): boolean {
  return (
    error instanceof AppError && error.code === "not_found" && messages.length === 0 && !typed.startsWith("/")
  );
}

/** Asks for an answer. Returns true if it was stopped: the next Ctrl-C then leaves. */
async function answer(
  conversation: Conversation,
  text: string,
  context: Context,
  editor: LineEditor,
): Promise<boolean> {
  const stop = new AbortController();
  editor.onInterrupt = () => stop.abort();
  try {
    await printAnswer(conversation, text, context, AbortSignal.any([stop.signal, context.signal]));
    return false;
  } catch (error) {
    const isStopped = error instanceof AppError && error.code === "interrupted" && !context.signal.aborted;
    if (!isStopped) throw error;
    context.terminal.err(
      "Stopped. The message and the answer are not part of the conversation. To leave: Ctrl-C again\n",
    );
    return true;
  } finally {
    editor.onInterrupt = undefined;
  }
}

/** Reads one line, or several if all but the last end in a backslash. */
async function readLines(editor: LineEditor): Promise<string | "interrupted" | "ended"> {
  const lines: string[] = [];
  for (;;) {
    const typed = await editor.read(lines.length === 0 ? "> " : "… ");
    if (typeof typed === "string") return typed;
    if (!typed.line.endsWith("\\")) return [...lines, typed.line].join("\n");
    lines.push(typed.line.slice(0, -1));
  }
}

/** Opens the history. Without one the conversation still works. */
function openHistory(context: Context): History | undefined {
  try {
    return History.open(context.home);
  } catch (error) {
    context.terminal.err(`the history cannot be read: ${(error as Error).message}\n`);
    return undefined;
  }
}

function remember(history: History | undefined, typed: string, { terminal }: Context): void {
  try {
    for (const line of typed.split("\n")) history?.add(line);
  } catch (error) {
    terminal.err(`the history cannot be written: ${(error as Error).message}\n`);
  }
}
