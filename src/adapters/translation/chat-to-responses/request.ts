import { type Quirks, withinLimit } from "../../quirks/types.ts";
import { hintsOf, samplingFields } from "../dropped-fields.ts";
import {
  type Fields,
  isEmpty,
  isFalse,
  isGiven,
  isZero,
  objectAt,
  quoted,
  refused,
  refuseOthers,
} from "../request-fields.ts";
import { requestedEffort } from "../requested-effort.ts";
import { inputOf } from "./input.ts";
import { toolsOf } from "./tools.ts";

/** OpenAI refuses a smaller limit in responses. */
const leastTokens = 16;

/** Fields with the same name and meaning in both dialects. */
const passed = [
  ...["service_tier", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"],
  ...["prompt_cache_options", "metadata"],
];

const known = [
  ...["model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options"],
  ...["temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls"],
  ...["response_format", "reasoning_effort", "reasoning", ...passed, ...hintsOf("chat")],
];

/** Fields without a counterpart, and the values with which they ask for nothing. */
const neutral = {
  n: (value: unknown) => value === 1,
  stop: (value: unknown) => Array.isArray(value) && value.length === 0,
  presence_penalty: isZero,
  frequency_penalty: isZero,
  logit_bias: isEmpty,
  logprobs: isFalse,
  top_logprobs: isZero,
  functions: isEmpty,
  modalities: (value: unknown) => Array.isArray(value) && value.every((one) => one === "text"),
};

/**
 * Returns true if the other fields of a request can be said in responses. Stop sequences, several answers, probabilities
 * and sound exist in chat only.
 */
export function hasCounterparts(body: Fields): boolean {
  const { stop, stop_sequences, n, logprobs, modalities } = body;
  const hasStop = [stop, stop_sequences].some((value) => isGiven(value) && !isEmpty(value));
  const hasSound = isGiven(modalities) && !neutral.modalities(modalities);
  return !hasStop && !hasSound && (n ?? 1) === 1 && logprobs !== true;
}

/**
 * Translates a chat request to responses (case 125). Nothing is stored: reasoning is asked for in sealed form instead, so
 * that the caller can send it back. A field without a counterpart is refused by name, except hints, without which the
 * answer is the same.
 *
 * @throws AppError `invalid_request`
 */
export function responsesRequest(body: Fields, model: string, quirks: Quirks): Fields {
  refuseOthers(body, "", quirks.dropUnsupported ? [...known, ...samplingFields] : known, neutral);
  const takesSealed = quirks.sealedReasoning === true;
  const { instructions, input } = inputOf(body.messages, takesSealed);
  const text = textSettings(body);
  const request: Fields = {
    model,
    ...(instructions !== undefined && { instructions }),
    input,
    ...limitOf(body, quirks),
    ...samplingOf(body, quirks),
    ...toolsOf(body),
    ...reasoningOf(requestedEffort(body), quirks),
    ...(!isEmpty(text) && { text }),
    store: false,
    ...(takesSealed && { include: ["reasoning.encrypted_content"] }),
    ...(body.stream === true && { stream: true }),
  };
  for (const name of passed) if (isGiven(body[name])) request[name] = body[name];
  return request;
}

/** Returns the limit of the answer. The newer of chat's two names goes first (case 22). */
function limitOf({ max_completion_tokens, max_tokens }: Fields, quirks: Quirks): Fields {
  const limit = withinLimit(max_completion_tokens ?? max_tokens ?? undefined, quirks);
  if (limit === undefined) return {};
  return { max_output_tokens: typeof limit === "number" ? Math.max(limit, leastTokens) : limit };
}

function samplingOf({ temperature, top_p }: Fields, { sampling }: Quirks): Fields {
  if (sampling === false) return {};
  return { ...(isGiven(temperature) && { temperature }), ...(isGiven(top_p) && { top_p }) };
}

/** Returns the effort, and asks for a summary of the reasoning, which chat callers get as reasoning. */
function reasoningOf(effort: unknown, { efforts, without }: Quirks): Fields {
  const takesSummary = efforts !== undefined && !without?.includes("reasoning.summary");
  const reasoning = {
    ...(isGiven(effort) && { effort }),
    ...(effort !== "none" && takesSummary && { summary: "auto" }),
  };
  return isEmpty(reasoning) ? {} : { reasoning };
}

function textSettings({ response_format, verbosity }: Fields): Fields {
  return {
    ...(isGiven(response_format) && formatOf(objectAt(response_format, "/response_format"))),
    ...(isGiven(verbosity) && { verbosity }),
  };
}

function formatOf(format: Fields): Fields {
  switch (format.type) {
    case "text":
      return {};
    case "json_object":
      return { format: { type: "json_object" } };
    case "json_schema": {
      const described = objectAt(format.json_schema, "/response_format/json_schema");
      const { name, description, schema, strict } = described;
      objectAt(schema, "/response_format/json_schema/schema");
      return {
        format: {
          type: "json_schema",
          name: name ?? "answer",
          ...(isGiven(description) && { description }),
          schema,
          ...(isGiven(strict) && { strict }),
        },
      };
    }
    default:
      throw refused("/response_format/type", `response_format of type ${quoted(format.type)} is not known`);
  }
}
