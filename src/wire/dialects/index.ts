import type { AppError } from "../../errors.ts";
import { sseFrame } from "../sse.ts";
import { chatUsage } from "./chat.ts";
import { anthropicErrorType, openaiErrorType } from "./error-types.ts";
import { messagesUsage } from "./messages.ts";
import { responsesFrame, responsesUsage, type StreamPosition } from "./responses.ts";
import type { Usage } from "./usage.ts";

/** What callers and providers speak: OpenAI chat completions, Anthropic messages, or OpenAI responses. */
export type Dialect = "chat" | "messages" | "responses";

/** How callers of a dialect are answered. */
export interface DialectWire {
  /** Error body, in the dialect's own shape. `type` is the provider's own word where it gave one. */
  errorBody(error: AppError, requestId: string, type?: string): object;
  /**
   * An error after the first byte, with whatever must follow it to end the stream.
   *
   * @param position Which answer it ends, in a dialect whose events name it.
   */
  errorFrames(error: AppError, requestId: string, type?: string, position?: StreamPosition): string;
  /** Usage of an unstreamed answer; undefined when it does not say. */
  usage(body: unknown): Usage | undefined;
}

const chat: DialectWire = {
  errorBody(error, _requestId, type) {
    return {
      error: {
        message: messageOf(error),
        type: openaiErrorType(error.status, type),
        code: error.code,
        param: parameterOf(error),
      },
    };
  },
  // OpenAI's SDKs raise a chunk that has `error`; [DONE] ends the stream for clients that do not look.
  errorFrames(error, requestId, type) {
    const data = JSON.stringify(chat.errorBody(error, requestId, type));
    return sseFrame({ data }) + sseFrame({ data: "[DONE]" });
  },
  usage: (body) => chatUsage(usageOf(body)),
};

const messages: DialectWire = {
  errorBody(error, requestId, type) {
    return {
      type: "error",
      error: { type: anthropicErrorType(error.status, type), message: messageOf(error) },
      request_id: requestId,
    };
  },
  errorFrames(error, requestId, type) {
    return sseFrame({ event: "error", data: JSON.stringify(messages.errorBody(error, requestId, type)) });
  },
  usage: (body) => messagesUsage(usageOf(body)),
};

const responses: DialectWire = {
  errorBody: chat.errorBody,
  // OpenAI's SDKs raise the first event; Codex looks for the second only.
  errorFrames(error, requestId, type, position) {
    const own = type ?? failureCode(error);
    const fault = { code: own, message: messageOf(error), param: parameterOf(error) };
    const nested = { error: { type: openaiErrorType(error.status, type), ...fault } };
    const { responseId = `resp_${requestId}`, sequence } = position ?? {};
    const numbered = (offset: number) =>
      sequence === undefined ? {} : { sequence_number: sequence + offset };
    const response = {
      id: responseId,
      object: "response",
      status: "failed",
      error: { code: own, message: fault.message },
      incomplete_details: null,
      output: [],
      usage: null,
    };
    return (
      responsesFrame("error", { ...numbered(0), ...fault, ...nested }) +
      responsesFrame("response.failed", { ...numbered(1), response })
    );
  },
  usage: (body) => responsesUsage(usageOf(body)),
};

/** How callers of each dialect are answered when something fails, and what their answers say of usage. */
export const dialectWires: Readonly<Record<Dialect, DialectWire>> = { chat, messages, responses };

/** OpenAI's code of an answer that failed; its set knows little more. */
function failureCode({ status }: AppError): string {
  if (status === 429) return "rate_limit_exceeded";
  return status >= 500 ? "server_error" : "invalid_prompt";
}

/** SDKs show the message and nothing else, so the hint goes with it. */
function messageOf({ message, hint }: AppError): string {
  return hint ? `${message} (${hint})` : message;
}

/** The first fault's path as OpenAI writes it: `/messages/0/content` is `messages[0].content`. */
function parameterOf({ details }: AppError): string | null {
  const path = details?.[0]?.path;
  if (!path) return null;
  return path
    .slice(1)
    .replace(/\/(\d+)(?=\/|$)/g, "[$1]")
    .replaceAll("/", ".");
}

function usageOf(body: unknown): unknown {
  return typeof body === "object" && body !== null && "usage" in body ? body.usage : undefined;
}
