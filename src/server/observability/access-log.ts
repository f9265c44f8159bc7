import { jsonText } from "../../wire/text.ts";
import type { AuditEvent } from "../core/store/types.ts";

/** What is known of a request when its answer is there, or begins. */
export interface Answered {
  requestId: string;
  method: string;
  /** The pattern, not the path: names and ids stand in a path. Null where there is none. */
  route: string | null;
  status: number;
  durationMs: number;
  /** Who asked; undefined where nobody said, or what was said is not true. */
  user?: string | undefined;
  /** Code of the error it ended in. */
  error?: string | undefined;
  /** The answer is the stream of a call: its line is written when that ends. */
  streaming: boolean;
}

/** One line for each request. */
export interface AccessLog {
  /** An answer is there, or begins. */
  answered(request: Answered): void;
  /** The audit event of a call, before its answer is there or, of a stream, behind it. Others are passed over. */
  recorded(event: AuditEvent): void;
}

type CallEvent = Pick<
  AuditEvent,
  "status" | "durationMs" | "llm" | "promptTokens" | "completionTokens" | "cachedTokens" | "error"
>;

/**
 * Writes a line of JSON for each request: what it was, who asked, what came of it, never what was said in it. What a
 * call of a model came to stands in its audit event, which comes by another way: the two are put together by the
 * request's id, and whichever comes last writes.
 *
 * @param write takes a whole line
 * @param now milliseconds since 1970
 */
export function createAccessLog(write: (text: string) => void, now: () => number): AccessLog {
  /** Events of calls whose answer is not there yet. */
  const calls = new Map<string, CallEvent>();
  /** Streams that are not over. */
  const streams = new Map<string, Answered>();

  function put(request: Answered, call: CallEvent | undefined): void {
    const { requestId, method, route, user } = request;
    const line = {
      time: new Date(now()).toISOString(),
      level: "info",
      msg: "request",
      requestId,
      method,
      route,
      // A stream has begun with 200, whatever it ended in; of any other answer the caller has seen the status.
      status: request.streaming && call ? call.status : request.status,
      durationMs: Math.round(call?.durationMs ?? request.durationMs),
      user,
      llm: call?.llm,
      tokensIn: call?.promptTokens,
      tokensOut: call?.completionTokens,
      tokensCached: call?.cachedTokens,
      error: call?.error ?? request.error,
    };
    write(jsonText(line, 0));
  }

  return {
    answered(request) {
      const call = calls.get(request.requestId);
      if (!call && request.streaming) return void streams.set(request.requestId, request);
      calls.delete(request.requestId);
      put(request, call);
    },
    recorded(event) {
      if (event.action !== "llm_inference_call") return;
      const request = streams.get(event.requestId);
      if (!request) return void calls.set(event.requestId, event);
      streams.delete(event.requestId);
      put(request, event);
    },
  };
}
