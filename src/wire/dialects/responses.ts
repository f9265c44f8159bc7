import type { AppError } from "../../errors.ts";
import { isObject } from "../json.ts";
import { typedFrame } from "../sse.ts";
import { chat } from "./chat.ts";
import { openaiError, providerCode } from "./errors.ts";
import type { DialectWire } from "./types.ts";
import { noUsage, presentCounts, tokenCount, tokenLimit, type Usage, usageOf, withCounts } from "./usage.ts";

/** OpenAI responses, as far as this program reads or writes them. Providers send more fields, and fewer. */

export interface ResponsesUsage {
  input_tokens?: number;
  input_tokens_details?: { cached_tokens?: number; cache_write_tokens?: number } | null;
  output_tokens?: number;
  output_tokens_details?: { reasoning_tokens?: number } | null;
  total_tokens?: number;
}

export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** A part of a message of the assistant. */
export type ResponsePart =
  | { type: "output_text"; text: string; annotations: []; logprobs: [] }
  | { type: "refusal"; refusal: string };

/** An output item of an answer, as this program writes it. */
export type ResponseItem =
  | { type: "message"; id: string; status: ItemStatus; role: "assistant"; content: ResponsePart[] }
  | {
      type: "reasoning";
      id: string;
      summary: { type: "summary_text"; text: string }[];
      encrypted_content?: string;
    }
  | {
      type: "function_call";
      id: string;
      status: ItemStatus;
      call_id: string;
      name: string;
      /** The namespace of the tool, where it has one. */
      namespace?: string;
      arguments: string;
    }
  | {
      type: "custom_tool_call";
      id: string;
      status: ItemStatus;
      call_id: string;
      name: string;
      namespace?: string;
      input: string;
    };

/** An event that ends a stream. */
export interface ResponsesEvent {
  type?: string;
  sequence_number?: number;
  response?: { id?: string; status?: string; usage?: unknown; error?: ResponsesError | null } | null;
  /** The fault of an `error` event, which may also have the fields of the fault as its own. */
  error?: ResponsesError | null;
  message?: string;
  code?: string | null;
}

export interface ResponsesError {
  message?: string;
  code?: string | null;
  type?: string | null;
}

/**
 * Reads the `usage` of an answer; returns undefined when there is none. Its input tokens include the cached ones.
 *
 * @param output the items of the answer
 */
export function responsesUsage(usage: unknown, output?: unknown): Usage | undefined {
  const calls = Array.isArray(output) ? toolCalls(output) : undefined;
  if (!isObject(usage)) return calls && { ...noUsage, ...calls };
  const counts = usage as ResponsesUsage;
  const told: Usage = {
    promptTokens: tokenCount(counts.input_tokens),
    completionTokens: tokenCount(counts.output_tokens),
    cachedTokens: tokenCount(counts.input_tokens_details?.cached_tokens),
  };
  return withCounts(told, {
    cacheWriteTokens: counts.input_tokens_details?.cache_write_tokens,
    ...calls,
  });
}

/**
 * Counts the calls of tools that OpenAI runs and bills one by one: searches of the web and of files, and containers
 * (case 207). Pages that are opened are no searches. Returns undefined where there are none, as in most answers.
 */
function toolCalls(output: readonly unknown[]): Partial<Usage> | undefined {
  let searches = 0;
  let fileSearches = 0;
  const containers = new Set<unknown>();
  for (const item of output) {
    if (!isObject(item) || typeof item.type !== "string" || !item.type.endsWith("_call")) continue;
    const { type, action, container_id } = item as { type: string; action?: unknown; container_id?: unknown };
    if (type === "file_search_call") fileSearches++;
    else if (type === "code_interpreter_call") containers.add(container_id);
    else if (type === "web_search_call" && !(isObject(action) && isPage(action.type))) searches++;
  }
  if (searches + fileSearches + containers.size === 0) return undefined;
  return presentCounts({ searches, fileSearches, containers: containers.size });
}

function isPage(action: unknown): boolean {
  return action === "open_page" || action === "find_in_page";
}

export const responses: DialectWire = {
  // A provider may keep the input of an earlier call: the translation or the provider checks it.
  checkRequest() {},
  maxTokens: ({ max_output_tokens }) => tokenLimit(max_output_tokens),
  forwardedHeaders: [],
  namesEvents: true,
  family: "openai",
  errorBody: chat.errorBody,
  // OpenAI's SDKs throw for the first event; Codex reads the second one only.
  errorFrames(error, requestId, position) {
    const fault = openaiError(error);
    const { message, param } = fault;
    // Codex acts on the code.
    const code = providerCode(error) ?? error.provider?.type ?? failureCode(error);
    const nested = { error: { ...fault, code } };
    const { responseId = `resp_${requestId}`, sequence } = position ?? {};
    const numbered = (offset: number) =>
      sequence === undefined ? {} : { sequence_number: sequence + offset };
    const response = {
      id: responseId,
      object: "response",
      status: "failed",
      error: { code, message },
      incomplete_details: null,
      output: [],
      usage: null,
    };
    return (
      typedFrame("error", { ...numbered(0), code, message, param, ...nested }) +
      typedFrame("response.failed", { ...numbered(1), response })
    );
  },
  usage: (body) => responsesUsage(usageOf(body), isObject(body) ? body.output : undefined),
  // Clients of responses read the list of chat.
  modelEntry: () => ({}),
};

/** Returns OpenAI's code for a failed answer. Its set has few others. */
function failureCode({ status }: AppError): string {
  if (status === 429) return "rate_limit_exceeded";
  return status >= 500 ? "server_error" : "invalid_prompt";
}
