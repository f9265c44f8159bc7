import { AppError } from "../../../errors.ts";
import { type Quirks, withinLimit } from "../../quirks/types.ts";
import { fitHistory } from "../chat-history.ts";
import { hintsOf } from "../dropped-fields.ts";
import type { ChatRequest } from "../halves.ts";
import {
  type Fields,
  isGiven,
  isZero,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";
import { takesStrict } from "../strict-schema.ts";
import { conversationOf } from "./conversation.ts";
import { reasoningEffort } from "./effort.ts";
import { toolsOf } from "./tools.ts";

const known = [
  ...["model", "messages", "system", "max_tokens", "stop_sequences", "stream", "metadata"],
  ...["temperature", "top_p", "top_k", "tools", "tool_choice", "output_config", "thinking", "service_tier"],
  // The name of `output_config.format` in the beta.
  "output_format",
  ...hintsOf("messages"),
];

const neutral = {
  mcp_servers: (value: unknown) => Array.isArray(value) && value.length === 0,
  n: (value: unknown) => value === 1,
  presence_penalty: isZero,
  frequency_penalty: isZero,
};

/** The most characters of a user's name at OpenAI. */
const longestUser = 64;

/**
 * Translates an Anthropic request to chat. A field without a counterpart is refused by name, except hints, without which
 * the answer is the same. `thinking` and
 * `output_config.effort` reach only models that are known to take an effort; others decide themselves.
 *
 * A stream is asked for its usage, because Anthropic's streams always contain it.
 *
 * @throws AppError `invalid_request`
 */
export function chatRequest(body: Fields, model: string, quirks: Quirks): ChatRequest {
  refuseThread(body);
  refuseOthers(body, "", known, neutral);
  const config = outputConfig(body);
  refuseOthers(config, "/output_config", ["effort", "format", "task_budget"]);
  const effort = reasoningEffort(body, config, quirks);
  const { messages, paths } = conversationOf(body, quirks);
  const request = {
    model,
    messages: fitHistory(messages, quirks),
    ...limitsOf(body, quirks),
    ...(isGiven(body.stop_sequences) && { stop: body.stop_sequences }),
    ...answerSettings(body),
    ...(effort !== undefined && { reasoning_effort: effort }),
    ...userOf(body.metadata),
    ...serviceTier(body.service_tier),
    ...(body.stream === true && { stream: true, stream_options: { include_usage: true } }),
  };
  return { request, paths };
}

/** Returns the fields of the chat request that an answer depends on: its tools and its form. */
export function answerSettings(body: Fields): Fields {
  return { ...toolsOf(body), ...formatOf(outputConfig(body).format) };
}

function outputConfig({ output_config, output_format }: Fields): Fields {
  const config = isGiven(output_config) ? objectAt(output_config, "/output_config") : {};
  return isGiven(output_format) && !isGiven(config.format) ? { ...config, format: output_format } : config;
}

/**
 * Refuses a thread that Anthropic would keep, in the words by which its SDKs send the whole conversation instead:
 * https://platform.claude.com/docs/en/api/sdks/python
 */
function refuseThread({ thread }: Fields): void {
  if (!isGiven(thread)) return;
  throw new AppError("invalid_request", "thread is not supported: no state is kept between two calls", {
    details: [{ path: "/thread", message: "is not supported" }],
    provider: {
      family: "anthropic",
      fields: { details: { error_code: "thread_unsupported_request", unsupported: ["thread"] } },
    },
  });
}

/** Returns the limit of the answer and the sampling, as far as the model takes it (case 72). */
function limitsOf({ max_tokens, temperature, top_p, top_k }: Fields, quirks: Quirks): Fields {
  const { limitField = "max_tokens", sampling } = quirks;
  const limit = isGiven(max_tokens) ? { [limitField]: withinLimit(max_tokens, quirks) } : {};
  if (sampling === false) return limit;
  return {
    ...limit,
    ...(isGiven(temperature) && { temperature }),
    ...(isGiven(top_p) && { top_p }),
    ...(isGiven(top_k) && { top_k }),
  };
}

function formatOf(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const format = objectAt(value, "/output_config/format");
  if (format.type !== "json_schema") {
    throw refused("/output_config/format/type", `a format of type ${quoted(format.type)} is not known`);
  }
  const schema = objectAt(format.schema, "/output_config/format/schema");
  return {
    response_format: {
      type: "json_schema",
      json_schema: {
        name: "answer",
        ...(takesStrict(schema) && { strict: true }),
        schema,
      },
    },
  };
}

/** Returns the end user: the first 64 characters of Claude Code's user id name the account. Other metadata only describe the call. */
function userOf(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const metadata = objectAt(value, "/metadata");
  if (!isGiven(metadata.user_id)) return {};
  return { user: textAt(metadata.user_id, "/metadata/user_id").slice(0, longestUser) };
}

/** Translates the service tier. `auto` is the default everywhere, and not every provider takes the field (case 29). */
function serviceTier(tier: unknown): Fields {
  if (!isGiven(tier) || tier === "auto") return {};
  if (tier === "standard_only") return { service_tier: "default" };
  throw refused("/service_tier", `service_tier ${quoted(tier)} is not known`);
}
