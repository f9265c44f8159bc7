import { leftOutOf } from "../hosted-tools.ts";
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
import { choiceWord } from "../tool-choice-words.ts";
import { fittingName } from "../tool-names.ts";
import { argumentsSchema } from "../tool-schema.ts";
import { uniqueTools } from "../unique-tools.ts";
import { clientTool, clientToolFields } from "./client-tools.ts";

const known = [
  ...["type", "name", "description", "input_schema", "input_examples", "strict"],
  // These control caching, streaming and loading, not what the tool does.
  ...["cache_control", "eager_input_streaming", "defer_loading"],
];

/** Claude calls the tool directly, not from code that it runs. */
const callsDirectly = (value: unknown) => Array.isArray(value) && value.every((one) => one === "direct");
const neutral = { allowed_callers: callsDirectly };

/**
 * Translates `tools` and `tool_choice` to OpenAI's `tools`, `tool_choice` and `parallel_tool_calls`. Tools that run at
 * Anthropic are left out where there are others.
 *
 * @throws AppError `invalid_request`
 */
export function toolsOf(body: Fields): Fields {
  const given = isGiven(body.tools) ? listAt(body.tools, "/tools") : [];
  const isLeftOut = leftOutOf("messages", given);
  const tools = given
    .map((tool, index) => ({ tool, path: `/tools/${index}` }))
    .filter(({ tool }) => !isLeftOut(tool));
  const choice = choiceOf(body.tool_choice);
  refuseOthers(choice, "/tool_choice", ["type", "name", "disable_parallel_tool_use"]);
  if (tools.length === 0) {
    if (choice.type === "any" || choice.type === "required" || choice.type === "tool")
      throw refused("/tool_choice", "tool_choice needs tools");
    return {};
  }
  const translated = uniqueTools(
    tools.map(({ tool, path }) => toolOf(objectAt(tool, path), path)),
    (tool) => tool.function.name,
  );
  if (choice.type === "tool" && tools.length < given.length) refuseMissing(choice, translated);
  return {
    tools: translated,
    ...(isGiven(choice.type) && { tool_choice: toolChoice(choice) }),
    ...(choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
  };
}

/** Returns the choice as an object; some clients write OpenAI's word. */
function choiceOf(value: unknown): Fields {
  if (!isGiven(value)) return {};
  const word = typeof value === "string" ? choiceWord(value) : undefined;
  return word === undefined ? objectAt(value, "/tool_choice") : { type: word };
}

/** Returns the names of a messages request's tools; undefined for a tool without one. */
export function toolNames({ tools }: Fields): unknown[] {
  return Array.isArray(tools) ? tools.map((tool) => (tool as { name?: unknown } | null)?.name) : [];
}

/** Refuses the choice of a tool that was left out. */
function refuseMissing({ name }: Fields, tools: readonly ChatTool[]): void {
  if (tools.some((tool) => tool.function.name === fittingName(String(name)))) return;
  throw refused("/tool_choice/name", `the tool ${quoted(name)} runs at Anthropic only`);
}

interface ChatTool extends Fields {
  type: "function";
  function: { name: string } & Fields;
}

function toolOf(tool: Fields, path: string): ChatTool {
  const defined = clientTool(tool);
  if (defined) {
    refuseOthers(tool, path, clientToolFields, neutral);
    return {
      type: "function",
      function: { name: fittingName(textAt(tool.name, `${path}/name`)), ...defined },
    };
  }
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
      // Bridges of MCP leave it out for tools without arguments.
      parameters: isGiven(tool.input_schema)
        ? argumentsSchema(objectAt(tool.input_schema, `${path}/input_schema`))
        : { type: "object", properties: {} },
      ...(isGiven(tool.strict) && { strict: tool.strict }),
    },
  };
}

/** Returns the description of a tool. Examples of input have no field in chat, so they go into the description. */
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
    case "required":
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
