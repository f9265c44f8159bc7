import { escapeLine } from "../../../wire/text.ts";
import { paint } from "../../terminal/paint.ts";
import { type ProgressContext, waitingOn } from "../../terminal/progress.ts";
import type { Answer, Piece } from "./answer.ts";
import type { Conversation } from "./conversation.ts";

/**
 * Sends a message and prints the answer while it streams: its text on stdout, everything else on stderr. On a terminal
 * control characters are escaped (T42); otherwise the text is printed as the model has written it.
 *
 * @throws AppError; an unfinished line is ended first
 */
export async function printAnswer(
  conversation: Conversation,
  text: string,
  context: ProgressContext,
  signal: AbortSignal,
): Promise<Answer> {
  const { terminal } = context;
  const waiting = waitingOn(context, `waiting for ${conversation.partner.name}`);
  let last: Piece | undefined;
  const endLine = () => {
    if (last && !last.text.endsWith("\n")) (last.kind === "text" ? terminal.data : terminal.err)("\n");
  };
  const onPiece = (piece: Piece) => {
    // Reasoning and calls of tools are shown on a terminal only.
    if (piece.kind !== "text" && !terminal.errIsTerminal) return;
    waiting.end();
    if (last && last.kind !== piece.kind) endLine();
    last = piece;
    if (piece.kind === "text") terminal.data(piece.text);
    else terminal.err(paint(terminal.errColor, "dim", piece.text));
  };
  try {
    const answer = await conversation.stream(text, onPiece, signal);
    waiting.end();
    endLine();
    const note = notes(answer);
    if (note !== "" && terminal.errIsTerminal) terminal.err(paint(terminal.errColor, "dim", note));
    return answer;
  } catch (error) {
    waiting.end();
    endLine();
    throw error;
  }
}

function notes({ finishReason, usage, message }: Answer): string {
  const calls = (message["tool_calls"] ?? []) as { function?: { name?: string } }[];
  const called = calls.map((call) => call.function?.name ?? "?").join(", ");
  const parts = [
    usage && `${usage.prompt_tokens ?? 0} + ${usage.completion_tokens ?? 0} tokens`,
    finishReason === "length" && "cut off at the token limit",
    finishReason === "content_filter" && "cut off by the provider's filter",
    called !== "" && `the model asks for the tools ${called}, which mcpctl does not run`,
  ].filter((part) => typeof part === "string");
  return parts.length > 0 ? `(${escapeLine(parts.join("; "))})\n` : "";
}
