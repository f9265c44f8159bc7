import { type Fields, isGiven, listAt, objectAt, refused, refuseOthers, textAt } from "../request-fields.ts";
import { chatMessages } from "./conversation.ts";

const known = [
  ...["model", "messages", "system", "max_tokens", "stop_sequences", "stream", "metadata"],
  ...["temperature", "top_p", "top_k", "tools", "tool_choice", "output_config", "thinking"],
  // Dropped: they change neither the answer nor its form.
  ...["cache_control", "context_management", "service_tier", "speed"],
];

const neutral = {
  mcp_servers: (value: unknown) => Array.isArray(value) && value.length === 0,
};

/**
 * An Anthropic request as chat. What cannot be expressed is refused by name, but for `cache_control`,
 * `context_management`, `service_tier` and `speed`, which are dropped: the answer has the same form without them.
 * `thinking` and `output_config.effort` only reach models known to take an effort; others think as they please.
 *
 * A stream is asked for its usage, because Anthropic's always tell it.
 *
 * @throws AppError `invalid_request`
 */
export function chatRequest(body: Fields, model: string): Fields {
  refuseOthers(body, "", known, neutral);
  const config = isGiven(body.output_config) ? objectAt(body.output_config, "/output_config") : {};
  refuseOthers(config, "/output_config", ["effort", "format"]);
  const isReasoner = reasoners.test(model);
  const effort = isReasoner ? effortOf(body, config) : undefined;
  return {
    model,
    messages: chatMessages(body.system, body.messages),
    ...(isGiven(body.max_tokens) && {
      // Reasoning models of OpenAI refuse the older name (case 72).
      [isReasoner ? "max_completion_tokens" : "max_tokens"]: body.max_tokens,
    }),
    ...(isGiven(body.temperature) && { temperature: body.temperature }),
    ...(isGiven(body.top_p) && { top_p: body.top_p }),
    ...(isGiven(body.top_k) && { top_k: body.top_k }),
    ...(isGiven(body.stop_sequences) && { stop: body.stop_sequences }),
    ...toolsOf(body),
    ...formatOf(config.format),
    ...(effort !== undefined && { reasoning_effort: effort }),
    ...userOf(body.metadata),
    ...(body.stream === true && { stream: true, stream_options: { include_usage: true } }),
  };
}

/** OpenAI's reasoning models: o1, o3-mini, gpt-5.6-sol, ft:gpt-5… */
const reasoners = /(?:^|[/:])(?:o\d|gpt-(?:[5-9]|\d\d))(?![a-z0-9])/;

function effortOf(body: Fields, config: Fields): unknown {
  if (isGiven(config.effort)) return config.effort;
  if (!isGiven(body.thinking)) return undefined;
  const thinking = objectAt(body.thinking, "/thinking");
  if (thinking.type !== "enabled") return undefined;
  const budget = Number(thinking.budget_tokens);
  return budget <= 2_048 ? "low" : budget <= 8_192 ? "medium" : "high";
}

function toolsOf(body: Fields): Fields {
  const tools = isGiven(body.tools) ? listAt(body.tools, "/tools") : [];
  if (tools.length === 0) return {};
  const choice = isGiven(body.tool_choice) ? objectAt(body.tool_choice, "/tool_choice") : {};
  return {
    tools: tools.map((tool, index) => toolOf(objectAt(tool, `/tools/${index}`), `/tools/${index}`)),
    ...(isGiven(choice.type) && { tool_choice: toolChoice(choice) }),
    ...(choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
  };
}

function toolOf(tool: Fields, path: string): Fields {
  if (isGiven(tool.type) && tool.type !== "custom") {
    throw refused(`${path}/type`, `a tool of type ${tool.type} runs at Anthropic only`);
  }
  refuseOthers(tool, path, [
    ...["type", "name", "description", "input_schema", "strict", "cache_control"],
    // How the tool is shown and streamed, not what it does.
    ...["eager_input_streaming", "defer_loading", "input_examples"],
  ]);
  return {
    type: "function",
    function: {
      name: textAt(tool.name, `${path}/name`),
      ...(isGiven(tool.description) && { description: tool.description }),
      parameters: objectAt(tool.input_schema, `${path}/input_schema`),
      ...(isGiven(tool.strict) && { strict: tool.strict }),
    },
  };
}

function toolChoice(choice: Fields): unknown {
  switch (choice.type) {
    case "auto":
    case "none":
      return choice.type;
    case "any":
      return "required";
    case "tool":
      return { type: "function", function: { name: textAt(choice.name, "/tool_choice/name") } };
    default:
      throw refused("/tool_choice/type", `tool_choice of type ${choice.type} is not known`);
  }
}

function formatOf(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const format = objectAt(value, "/output_config/format");
  if (format.type !== "json_schema") {
    throw refused("/output_config/format/type", `a format of type ${format.type} is not known`);
  }
  return {
    response_format: {
      type: "json_schema",
      json_schema: {
        name: "answer",
        strict: true,
        schema: objectAt(format.schema, "/output_config/format/schema"),
      },
    },
  };
}

/** OpenAI refuses a user of more than 64 characters; the first 64 of Claude Code's name the account. */
function userOf(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const metadata = objectAt(value, "/metadata");
  refuseOthers(metadata, "/metadata", ["user_id"]);
  return isGiven(metadata.user_id)
    ? { user: textAt(metadata.user_id, "/metadata/user_id").slice(0, 64) }
    : {};
}
