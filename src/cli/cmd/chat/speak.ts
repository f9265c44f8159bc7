import { escapeBlock } from "../../output/escape.ts";
import { paint } from "../../output/paint.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { Answer, Piece } from "./answer.ts";
import type { Talk } from "./talk.ts";

/**
 * Says something and prints the answer as it comes: its text on stdout, all else on stderr. On a terminal what could
 * move its cursor or recolour it shows as an escape (T42); off one, the text is as the model wrote it.
 *
 * @throws AppError; the line that was begun is ended
 */
export async function speak(
  talk: Talk,
  text: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Answer> {
  let last: Piece | undefined;
  const endLine = () => {
    if (last && !last.text.endsWith("\n"))
      (last.kind === "text" ? terminal.out : terminal.err).call(terminal, "\n");
  };
  const take = (piece: Piece) => {
    // Thoughts are for a person who watches.
    if (piece.kind === "reasoning" && !terminal.errIsTerminal) return;
    if (last && last.kind !== piece.kind) endLine();
    last = piece;
    if (piece.kind === "text") terminal.out(terminal.outIsTerminal ? escapeBlock(piece.text) : piece.text);
    else terminal.err(paint(terminal.errColor, "dim", escapeBlock(piece.text)));
  };
  try {
    const answer = await talk.say(text, take, signal);
    endLine();
    const said = notes(answer);
    if (said !== "" && terminal.errIsTerminal) terminal.err(paint(terminal.errColor, "dim", said));
    return answer;
  } catch (error) {
    endLine();
    throw error;
  }
}

function notes({ finishReason, usage, message }: Answer): string {
  const calls = (message["tool_calls"] ?? []) as { function?: { name?: string } }[];
  const called = calls.map((call) => call.function?.name ?? "?").join(", ");
  const parts = [
    usage && `${usage.prompt_tokens ?? 0} + ${usage.completion_tokens ?? 0} tokens`,
    finishReason === "length" && "cut off at the limit of tokens",
    finishReason === "content_filter" && "cut off by the provider's filter",
    called !== "" && `calls ${called}, which nobody here does`,
  ].filter((part) => typeof part === "string");
  return parts.length > 0 ? `(${escapeBlock(parts.join("; "))})\n` : "";
}
