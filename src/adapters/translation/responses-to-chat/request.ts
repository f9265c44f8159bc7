import { type Quirks, withinLimit } from "../../quirks/types.ts";
import { fitHistory } from "../chat-history.ts";
import { hintsOf, openaiFields } from "../dropped-fields.ts";
import type { ChatRequest } from "../halves.ts";
import {
  type Fields,
  isGiven,
  isZero,
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
  ...["user", "service_tier"],
  // Checked elsewhere, with errors of their own.
  ...["background", "stream_options"],
  ...hintsOf("responses"),
];

/** Fields without a counterpart, and the values with which they ask for nothing. */
const neutral = {
  top_logprobs: isZero,
  n: (value: unknown) => value === 1,
  presence_penalty: isZero,
  frequency_penalty: isZero,
};

const passed = ["temperature", "top_p", "user", "service_tier"];

/**
 * Translates a responses request to chat. A field without a counterpart is refused by name, except hints, without which the
 * answer is the same. A stream is asked for its usage, because responses always contain it.
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
  refuseOthers(options, "/stream_options", [], { include_obfuscation: () => true });
  const { limitField = "max_tokens" } = quirks;
  const { messages, paths } = conversationOf(body, takesThinking, quirks);
  const request: Fields = {
    model,
    messages: fitHistory(messages, quirks),
    ...(isGiven(body.max_output_tokens) && { [limitField]: withinLimit(body.max_output_tokens, quirks) }),
    ...answerSettings(body),
    ...verbosityOf(body.text, quirks),
    ...reasoningSettings(body.reasoning),
    ...(body.stream === true && { stream: true, stream_options: { include_usage: true } }),
  };
  for (const name of passed) if (isGiven(body[name])) request[name] = body[name];
  if (quirks.openaiFields)
    for (const name of openaiFields) if (isGiven(body[name])) request[name] = body[name];
  return { request, paths };
}

/** Returns the fields of the chat request that an answer depends on: its tools and its form. */
export function answerSettings(body: Fields): Fields {
  return { ...toolsOf(body), ...textSettings(body.text) };
}

/**
 * Refuses additions to an answer that its reader would miss. `reasoning.encrypted_content` is always there, and details of
 * tools that run at OpenAI cannot be there where none of them runs.
 */
function refuseIncludes(include: unknown): void {
  if (!isGiven(include)) return;
  listAt(include, "/include").forEach((name, index) => {
    if (name === "reasoning.encrypted_content") return;
    if (typeof name === "string" && /_call(?:_output)?\.|^message\.input_/.test(name)) return;
    throw refused(`/include/${index}`, `include ${quoted(name)} has no counterpart at the llm's provider`);
  });
}

function verbosityOf(text: unknown, { openaiFields: takes }: Quirks): Fields {
  const { verbosity } = (text ?? {}) as Fields;
  return takes && isGiven(verbosity) ? { verbosity } : {};
}

function textSettings(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const text = objectAt(value, "/text");
  refuseOthers(text, "/text", ["format", "verbosity"]);
  return isGiven(text.format) ? formatOf(objectAt(text.format, "/text/format")) : {};
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
  refuseOthers(reasoning, "/reasoning", ["effort", "summary", "generate_summary", "context"], {
    mode: (mode) => mode === "standard",
  });
  return isGiven(reasoning.effort) ? { reasoning_effort: reasoning.effort } : {};
}
