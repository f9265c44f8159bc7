import { type Fields, isGiven, objectAt, refused, refuseOthers, textAt } from "../request-fields.ts";
import type { Block } from "./content.ts";
import { conversation } from "./conversation.ts";
import { outputSchema } from "./json-schema.ts";
import { reasoningOf, samplingOf } from "./reasoning.ts";
import { toolsOf } from "./tools.ts";

/** What Anthropic requires and OpenAI does not (case 21). */
const defaultMaxTokens = 4_096;

const known = [
  ...["model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream", "stream_options", "user"],
  ...[
    "temperature",
    "top_p",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
  ],
  // Anthropic's own, as some chat clients send them.
  ...["top_k", "thinking", "cache_control"],
  // Dropped: they change neither the answer nor its form.
  ...["seed", "store", "metadata", "service_tier", "safety_identifier"],
  ...["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"],
];

const isZero = (value: unknown) => value === 0;
const isFalse = (value: unknown) => value === false;
const isEmpty = (value: unknown) =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Fields with no counterpart, and the value at which they ask for nothing. */
const neutral = {
  n: (value: unknown) => value === 1,
  presence_penalty: isZero,
  frequency_penalty: isZero,
  logit_bias: isEmpty,
  logprobs: isFalse,
  top_logprobs: isZero,
  functions: isEmpty,
  modalities: (value: unknown) => Array.isArray(value) && value.every((one) => one === "text"),
  verbosity: (value: unknown) => value === "medium",
};

/**
 * A chat request as Anthropic's. What cannot be expressed is refused by name, but for `seed`, `store`,
 * `metadata`, `service_tier`, `safety_identifier` and the `prompt_cache_*` settings, which are dropped: the
 * answer has the same form without them.
 *
 * @throws AppError `invalid_request`
 */
export function messagesRequest(body: Fields, model: string): Fields {
  refuseOthers(body, "", known, neutral);
  const { system, messages } = conversation(body.messages);
  const tools = toolsOf(body);
  const isToolForced = tools.tool_choice?.type === "any" || tools.tool_choice?.type === "tool";
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? defaultMaxTokens;
  if (typeof maxTokens !== "number") throw refused("/max_tokens", "max_tokens must be a number");
  const { effort, ...reasoning } = reasoningOf(body.reasoning_effort, model, maxTokens, isToolForced);
  const thinking = isGiven(body.thinking) ? objectAt(body.thinking, "/thinking") : reasoning.thinking;
  const format = formatOf(body.response_format);
  const outputConfig = { ...(effort && { effort }), ...(format.schema && { format: format.schema }) };
  const stop = stopSequences(body.stop);
  return {
    model,
    max_tokens: maxTokens,
    ...withInstruction(system, format.instruction),
    messages,
    ...tools,
    ...samplingOf(body, model, thinking !== undefined && thinking.type !== "disabled"),
    ...reasoning,
    ...(thinking && { thinking }),
    ...(!isEmpty(outputConfig) && { output_config: outputConfig }),
    ...(stop.length > 0 && { stop_sequences: stop }),
    ...(isGiven(body.user) && { metadata: { user_id: textAt(body.user, "/user") } }),
    ...(isGiven(body.stream) && { stream: body.stream }),
    ...(isGiven(body.cache_control) && { cache_control: body.cache_control }),
  };
}

/** Anthropic refuses stop sequences of white space (case 23). */
function stopSequences(stop: unknown): string[] {
  const sequences = Array.isArray(stop) ? stop : isGiven(stop) ? [stop] : [];
  return sequences
    .map((one, index) => textAt(one, Array.isArray(stop) ? `/stop/${index}` : "/stop"))
    .filter((one) => one.trim() !== "");
}

/** `response_format` as a schema, or as an instruction where only "some JSON" is asked for (cases 36 and 37). */
function formatOf(value: unknown): { schema?: Fields; instruction?: string } {
  if (!isGiven(value)) return {};
  const format = objectAt(value, "/response_format");
  switch (format.type) {
    case "text":
      return {};
    case "json_object":
      return { instruction: "Answer with one JSON object and nothing else." };
    case "json_schema": {
      const described = objectAt(format.json_schema, "/response_format/json_schema");
      const schema = objectAt(described.schema, "/response_format/json_schema/schema");
      return { schema: { type: "json_schema", schema: outputSchema(schema) } };
    }
    default:
      throw refused("/response_format/type", `response_format of type ${format.type} is not known`);
  }
}

function withInstruction(system: string | Block[] | undefined, instruction: string | undefined): Fields {
  if (instruction === undefined) return system === undefined ? {} : { system };
  if (Array.isArray(system)) return { system: [...system, { type: "text", text: instruction }] };
  return { system: system === undefined ? instruction : `${system}\n\n${instruction}` };
}
