import { HttpFailure } from "../../net/outbound.ts";
import { systemReason } from "../../system-errors.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { Pieces } from "../../wire/pieces.ts";
import { type SseEvent, SseParser } from "../../wire/sse.ts";
import type { RpcMessage } from "../messages.ts";
import { McpFailure } from "../rpc-error.ts";
import { parseLines, parseMessages } from "./pending.ts";
import { maxMessageBytes } from "./stdio.ts";
import { unreadAnswer } from "./unread-answer.ts";
import type { WireResponse } from "./wire.ts";

/** Bytes of events that are read in one turn of the event loop. */
const turnBytes = 64 * 1024;

/** The end of an event stream of a server, with what is needed to open it again where it ended. */
export interface StreamEnd {
  /** The failure that a request without an answer has then. */
  failure: Error;
  /** The id of the last event. Undefined if the server gives none: what was lost cannot be asked for. */
  lastEventId?: string | undefined;
  /** Milliseconds that the server wants a client to wait before it opens the stream again. */
  retry?: number | undefined;
}

/** Hands on each message of an event stream, until it ends. */
export function readEvents(
  response: WireResponse,
  take: (message: RpcMessage) => void,
  before?: StreamEnd,
): Promise<StreamEnd> {
  const parser = new SseParser({ maxEventBytes: maxMessageBytes });
  return new Promise((resolve) => {
    const end = (failure: Error) =>
      resolve({
        failure,
        lastEventId: usableId(parser.lastEventId) ?? before?.lastEventId,
        retry: parser.retry ?? before?.retry,
      });
    let plain: PlainBody | undefined;
    let isBegun = false;
    response.pipe({
      data(bytes) {
        try {
          if (!isBegun && !isBlank(bytes)) {
            isBegun = true;
            if (beginsJson(bytes)) plain = new PlainBody();
          }
          if (plain) return plain.add(bytes);
          for (const { data } of parser.push(bytes)) {
            const messages = parseMessages(data);
            const unread = messages ? undefined : unreadAnswer(data);
            if (unread) throw unread.failure;
            for (const message of messages ?? []) take(message);
          }
        } catch (cause) {
          const tooLarge = "the server sent a message that is too large";
          end(cause instanceof McpFailure ? cause : new McpFailure("malformed", tooLarge, { cause }));
          response.cancel();
        }
      },
      end() {
        for (const message of plain?.messages() ?? []) take(message);
        // Some servers leave out the empty line behind their last event. One that was cut off is no message.
        for (const { data } of parser.end()) for (const message of parseMessages(data) ?? []) take(message);
        end(new McpFailure("closed", "the server ended its stream without an answer"));
      },
      error: (error) => end(failureOf(error)),
    });
  });
}

/** JSON where a stream of events was announced: some servers answer so (failure mode 243). */
class PlainBody {
  readonly #bytes = new Pieces();

  add(bytes: Uint8Array): void {
    if (this.#bytes.length + bytes.length > maxMessageBytes) throw new Error("the body is too long");
    this.#bytes.add(bytes);
  }

  messages(): RpcMessage[] {
    const text = this.#bytes.take().toString("utf8");
    return parseMessages(text) ?? parseLines(text) ?? [];
  }
}

const whiteSpace = new Set([9, 10, 13, 32]);

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => whiteSpace.has(byte));
}

/** True if the first character begins an object or a list. No line of an event stream does. */
function beginsJson(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => !whiteSpace.has(byte));
  return first === 0x7b || first === 0x5b;
}

/**
 * Returns the messages of a text that holds events, where JSON was announced; undefined if it does not. Takes several turns
 * of the event loop (T379).
 */
export async function eventMessages(text: string): Promise<RpcMessage[] | undefined> {
  if (!/^\s*(?:event|data|id|retry)?:/.test(text.slice(0, 1000))) return undefined;
  const parser = new SseParser({ maxEventBytes: maxMessageBytes });
  const bytes = Buffer.from(text);
  const messages: RpcMessage[] = [];
  const add = (events: SseEvent[]) => {
    for (const { data } of events) messages.push(...(parseMessages(data) ?? []));
  };
  for (let at = 0; at < bytes.length; at += turnBytes) {
    if (at > 0) await nextTurn();
    add(parser.push(bytes.subarray(at, at + turnBytes)));
  }
  add(parser.end());
  return messages.length === 0 ? undefined : messages;
}

/** Returns an id that fits into a header. */
function usableId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\x20-\x7e]{1,1024}$/.test(id) ? id : undefined;
}

/** Bounds of the wait before a stream is opened again, and the wait where the server says nothing, in milliseconds. */
const wait = { shortest: 200, usual: 1000, longest: 60_000 };

/** Returns the milliseconds after which a stream is opened again: what the server wants, within bounds. */
export function reopenDelay({ retry = wait.usual }: Pick<StreamEnd, "retry">): number {
  return Math.min(Math.max(retry, wait.shortest), wait.longest);
}

/** Returns the failure that callers get for an error of the connection. */
export function failureOf(error: unknown): Error {
  if (!(error instanceof HttpFailure)) return error as Error;
  const { kind, message } = error;
  if (kind === "cancelled") return new McpFailure("cancelled", "the call was cancelled", { cause: error });
  if (kind === "timeout") return new McpFailure("timeout", "the server took too long", { cause: error });
  if (kind === "malformed" || kind === "too-large")
    return new McpFailure("malformed", message, { cause: error });
  return unreachable(error, kind === "connect" || kind === "refused");
}

/** Returns the failure for a server to which there is no connection, with the reason that the system gives. */
export function unreachable(error: HttpFailure, isUnsent: boolean): McpFailure {
  const reason = systemReason(error);
  const words = error.kind === "refused" ? "its address is not allowed" : reason?.text;
  const message = `the server cannot be reached${words === undefined ? "" : `: ${words}`}`;
  return new McpFailure("closed", message, { isUnsent, cause: error });
}
