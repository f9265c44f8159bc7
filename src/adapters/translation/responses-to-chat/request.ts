import type { Quirks } from "../../quirks/types.ts";
import { fitHistory } from "../chat-history.ts";
import type { ChatRequest } from "../halves.ts";
import {
  type Fields,
  isEmpty,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
} from "../request-fields.ts";
import { conversationOf } from "./conversation.ts";
import { refuseState } from "./stateless.ts";
import { toolsOf } from "./tools.ts";

const known = [
  ...["model", "input", "instructions", "stream", "store", "tools", "tool_choice", "parallel_tool_calls"],
  ...["max_output_tokens", "temperature", "top_p", "text", "reasoning", "include"],
  // Passed unchanged: chat has them too.
  ...["user", "safety_identifier", "service_tier"],
  ...["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"],
  // Checked elsewhere, with errors of their own.
  ...["background", "stream_options"],
  // Repeated in the answer. The limit is for tools that run at OpenAI.
  ...["metadata", "max_tool_calls"],
  // Codex describes itself.
  "client_metadata",
];

/** Fields without a counterpart, and the values with which they ask for nothing. */
const neutral = {
  truncation: (value: unknown) => value === "disabled",
  top_logprobs: (value: unknown) => value === 0,
  context_management: isEmpty,
};

const passed = [
  ...["temperature", "top_p", "user", "safety_identifier", "service_tier"],
  ...["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"],
];

/**
 * Translates a responses request to chat. A field without a counterpart is refused by name, except `client_metadata`,
 * `max_tool_calls` (no tool runs at the provider), `reasoning.summary` (reasoning is always returned) and `metadata`, which
 * the answer repeats: these are dropped. A stream is asked for its usage, because responses always contain it.
 *
 * @param model The provider's name for the model.
 * @param takesThinking True if signed thinking reaches a provider that takes it back.
 * @throws AppError `invalid_request`
 */
export function chatRequest(
  body: Fields,
  model: string,
  quirks: Quirks,
  takesThinking: boolean,
): ChatRequest {
  refuseState(body);
  refuseOthers(body, "", known, neutral);
  refuseIncludes(body.include);
  const options = isGiven(body.stream_options) ? objectAt(body.stream_options, "/stream_options") : {};
  refuseOthers(options, "/stream_options", [], { include_obfuscation: (value) => value === false });
  const { limitField = "max_tokens" } = quirks;
  const { messages, paths } = conversationOf(body, takesThinking);
  const request: Fields = {
    model,
    messages: fitHistory(messages, quirks),
    ...(isGiven(body.max_output_tokens) && { [limitField]: body.max_output_tokens }),
    ...answerSettings(body),
    ...reasoningSettings(body.reasoning),
    ...(body.stream === true && { stream: true, stream_options: { include_usage: true } }),
  };
  for (const name of passed) if (isGiven(body[name])) request[name] = body[name];
  return { request, paths };
}

/** Returns the fields of the chat request that an answer depends on: its tools and its form. */
export function answerSettings(body: Fields): Fields {
  return { ...toolsOf(body), ...textSettings(body.text) };
}

/** Refuses everything that could be added to an answer but `reasoning.encrypted_content`, which is always there. */
function refuseIncludes(include: unknown): void {
  if (!isGiven(include)) return;
  listAt(include, "/include").forEach((name, index) => {
    if (name === "reasoning.encrypted_content") return;
    throw refused(`/include/${index}`, `include ${quoted(name)} has no counterpart at the llm's provider`);
  });
}

function textSettings(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const text = objectAt(value, "/text");
  refuseOthers(text, "/text", ["format", "verbosity"]);
  return {
    ...(isGiven(text.format) && formatOf(objectAt(text.format, "/text/format"))),
    ...(isGiven(text.verbosity) && { verbosity: text.verbosity }),
  };
}

function formatOf(format: Fields): Fields {
  switch (format.type) {
    case "text":
      refuseOthers(format, "/text/format", ["type"]);
      return {};
    case "json_object":
      refuseOthers(format, "/text/format", ["type"]);
      return { response_format: { type: "json_object" } };
    case "json_schema": {
      refuseOthers(format, "/text/format", ["type", "name", "description", "schema", "strict"]);
      const { type, ...described } = format;
      objectAt(described.schema, "/text/format/schema");
      return { response_format: { type, json_schema: described } };
    }
    default:
      throw refused("/text/format/type", `text.format of type ${quoted(format.type)} is not known`);
  }
}

function reasoningSettings(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const reasoning = objectAt(value, "/reasoning");
  const isAuto = (context: unknown) => context === "auto";
  refuseOthers(reasoning, "/reasoning", ["effort", "summary", "generate_summary"], {
    context: isAuto,
    mode: (mode) => mode === "standard",
  });
  return isGiven(reasoning.effort) ? { reasoning_effort: reasoning.effort } : {};
}
