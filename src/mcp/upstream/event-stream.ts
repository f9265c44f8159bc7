import { HttpFailure } from "../../net/outbound.ts";
import { systemReason } from "../../system-errors.ts";
import { SseParser } from "../../wire/sse.ts";
import type { RpcMessage } from "../messages.ts";
import { McpFailure } from "../rpc-error.ts";
import { parseMessages } from "./pending.ts";
import { maxMessageBytes } from "./stdio.ts";
import { unreadAnswer } from "./unread-answer.ts";
import type { WireResponse } from "./wire.ts";

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
    response.pipe({
      data(bytes) {
        try {
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
        // Some servers leave out the empty line behind their last event. One that was cut off is no message.
        for (const { data } of parser.end()) for (const message of parseMessages(data) ?? []) take(message);
        end(new McpFailure("closed", "the server ended its stream without an answer"));
      },
      error: (error) => end(failureOf(error)),
    });
  });
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
