import {
  type Fields,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";
import { fittingName } from "../tool-names.ts";

const known = [
  ...["type", "name", "description", "input_schema", "input_examples", "strict"],
  // How the tool is cached, streamed and loaded, not what it does.
  ...["cache_control", "eager_input_streaming", "defer_loading"],
];

/** What Claude itself may call, as against code of its own. */
const callsDirectly = (value: unknown) => Array.isArray(value) && value.every((one) => one === "direct");
const neutral = { allowed_callers: callsDirectly };

/**
 * `tools` and `tool_choice` as OpenAI's `tools`, `tool_choice` and `parallel_tool_calls`.
 *
 * @throws AppError `invalid_request`
 */
export function toolsOf(body: Fields): Fields {
  const tools = isGiven(body.tools) ? listAt(body.tools, "/tools") : [];
  const choice = isGiven(body.tool_choice) ? objectAt(body.tool_choice, "/tool_choice") : {};
  refuseOthers(choice, "/tool_choice", ["type", "name", "disable_parallel_tool_use"]);
  if (tools.length === 0) {
    if (choice.type === "any" || choice.type === "tool")
      throw refused("/tool_choice", "tool_choice needs tools");
    return {};
  }
  return {
    tools: tools.map((tool, index) => toolOf(objectAt(tool, `/tools/${index}`), `/tools/${index}`)),
    ...(isGiven(choice.type) && { tool_choice: toolChoice(choice) }),
    ...(choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
  };
}

/** What a messages caller calls its tools, as far as it says so. */
export function toolNames({ tools }: Fields): unknown[] {
  return Array.isArray(tools) ? tools.map((tool) => (tool as { name?: unknown } | null)?.name) : [];
}

function toolOf(tool: Fields, path: string): Fields {
  if (isGiven(tool.type) && tool.type !== "custom") {
    throw refused(`${path}/type`, `a tool of type ${quoted(tool.type)} runs at Anthropic only`);
  }
  refuseOthers(tool, path, known, neutral);
  const description = describe(tool, path);
  return {
    type: "function",
    function: {
      name: fittingName(textAt(tool.name, `${path}/name`)),
      ...(description !== undefined && { description }),
      parameters: objectAt(tool.input_schema, `${path}/input_schema`),
      ...(isGiven(tool.strict) && { strict: tool.strict }),
    },
  };
}

/** Examples of input have no field of their own, and stand in the description. */
function describe(tool: Fields, path: string): string | undefined {
  if (!isGiven(tool.input_examples)) {
    return isGiven(tool.description) ? textAt(tool.description, `${path}/description`) : undefined;
  }
  const own = isGiven(tool.description) ? [textAt(tool.description, `${path}/description`)] : [];
  const shown = listAt(tool.input_examples, `${path}/input_examples`)
    .map((example) => JSON.stringify(example))
    .join("\n");
  const parts = [...own, ...(shown ? [`Examples of input:\n${shown}`] : [])];
  return parts.length > 0 ? parts.join("\n\n") : undefined;
}

function toolChoice(choice: Fields): unknown {
  switch (choice.type) {
    case "auto":
    case "none":
      return choice.type;
    case "any":
      return "required";
    case "tool":
      return {
        type: "function",
        function: { name: fittingName(textAt(choice.name, "/tool_choice/name")) },
      };
    default:
      throw refused("/tool_choice/type", `tool_choice of type ${quoted(choice.type)} is not known`);
  }
}
