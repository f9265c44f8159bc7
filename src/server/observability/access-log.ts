import { jsonText } from "../../wire/text.ts";
import type { AuditEvent } from "../core/store/types.ts";

/** A request for which there is a response, or the beginning of one. */
export interface LoggedRequest {
  requestId: string;
  method: string;
  /** The pattern of the path: the path itself may have names and ids. Null for a path without a route. */
  route: string | null;
  status: number;
  durationMs: number;
  /** Name of the user; undefined without a valid bearer. */
  user?: string | undefined;
  /** Code of the error that the request ended in. */
  error?: string | undefined;
  /** True if the response is the stream of a call: the line is written when the stream ends. */
  streaming: boolean;
}

/** Writes one line for each request. */
export interface AccessLog {
  /** To be called when there is a response, or the beginning of a stream. */
  responded(request: LoggedRequest): void;
  /** To be called with each audit event. Only events of calls are used. */
  recorded(event: AuditEvent): void;
}

type CallEvent = Pick<
  AuditEvent,
  "status" | "durationMs" | "llm" | "promptTokens" | "completionTokens" | "cachedTokens" | "error"
>;

/**
 * Creates an access log. It writes a line of JSON for each request, with its route, user and result; never with the
 * content of a message. The tokens of a call are in its audit event. Request and event are matched by the id of the
 * request, and the later of the two writes the line.
 *
 * @param write takes one whole line
 * @param now milliseconds since 1970
 */
export function createAccessLog(write: (text: string) => void, now: () => number): AccessLog {
  /** Events of calls for which there is no response yet. */
  const calls = new Map<string, CallEvent>();
  /** Streams that have not ended. */
  const streams = new Map<string, LoggedRequest>();

  function put(request: LoggedRequest, call: CallEvent | undefined): void {
    const { requestId, method, route, user } = request;
    const line = {
      time: new Date(now()).toISOString(),
      level: "info",
      msg: "request",
      requestId,
      method,
      route,
      // A stream begins with 200 and may end in an error. Callers have seen the status of all other responses.
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
    responded(request) {
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
