import type { AppError } from "../errors.ts";
import { messagesUsage } from "./anthropic-messages.ts";
import { anthropicErrorType, openaiErrorType } from "./error-types.ts";
import { chatUsage } from "./openai-chat.ts";
import { sseFrame } from "./sse.ts";
import type { Usage } from "./usage.ts";

/** What callers and providers speak: OpenAI chat completions, or Anthropic messages. */
export type Dialect = "chat" | "messages";

/** How callers of a dialect are answered. */
export interface DialectWire {
  /** Error body, in the dialect's own shape. `type` is the provider's own word where it gave one. */
  errorBody(error: AppError, requestId: string, type?: string): object;
  /** An error after the first byte, with whatever must follow it to end the stream. */
  errorFrames(error: AppError, requestId: string, type?: string): string;
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

/** How callers of each dialect are answered when something fails, and what their answers say of usage. */
export const dialectWires: Readonly<Record<Dialect, DialectWire>> = { chat, messages };

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
