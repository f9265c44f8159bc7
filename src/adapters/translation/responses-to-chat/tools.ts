import { customDescription, customParameters } from "../custom-tool.ts";
import { leftOutOf } from "../hosted-tools.ts";
import {
  type Fields,
  isFalse,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";
import { choiceWord } from "../tool-choice-words.ts";
import { uniqueTools } from "../unique-tools.ts";
import { functionName, type PlacedTool, placedTools, requestTools } from "./tool-namespaces.ts";

/** Settings of tools, and the values with which they ask for nothing. */
const neutral = {
  async: isFalse,
  // All tools are sent, so that none has to be loaded.
  defer_loading: () => true,
  allowed_callers: (value: unknown) => Array.isArray(value) && value.join() === "direct",
};

/**
 * Translates `tools`, `tool_choice` and `parallel_tool_calls` to those of chat. A custom tool becomes a function with one
 * parameter, a tool of a namespace becomes a function with both names. Tools that OpenAI runs itself are left out where
 * there are others; web search, which Codex always offers, also where it stands alone. Where only some tools are allowed,
 * only they are sent.
 *
 * @throws AppError `invalid_request`
 */
export function toolsOf(body: Fields): Fields {
  const described = requestTools(body).flatMap(({ tools, path }) => placedTools(tools, path));
  const all = described.map(({ tool }) => tool);
  const isLeftOut = leftOutOf("responses", all);
  const ours = described.filter(({ tool }) => !isLeftOut(tool));
  // Clients of several servers send the same tool twice.
  const tools = uniqueTools(ours.map(toolOf), (tool) => JSON.stringify(tool));
  const { choice, allowed } = choiceOf(body.tool_choice);
  const isForced = choice !== undefined && choice !== "auto" && choice !== "none";
  if (tools.length === 0) {
    if (isForced) throw refused("/tool_choice", "tool_choice needs tools");
    return {};
  }
  const names = tools.map(({ function: { name } }) => name);
  const known = new Set<string>();
  const twice = names.find((name) => known.size === known.add(name).size);
  if (twice !== undefined) {
    const at = ours.findLastIndex((placed) => toolOf(placed).function.name === twice);
    throw refused(`${ours[at]!.path}/name`, `the tool name ${quoted(twice)} is used twice`);
  }
  const missing = allowed?.find((name) => !known.has(name));
  if (missing !== undefined) throw refused("/tool_choice/tools", `there is no tool ${quoted(missing)}`);
  return {
    tools: allowed ? only(tools, allowed) : tools,
    ...(choice !== undefined && { tool_choice: choice }),
    ...(isGiven(body.parallel_tool_calls) && { parallel_tool_calls: body.parallel_tool_calls }),
  };
}

function only(tools: readonly ChatTool[], names: readonly string[]): ChatTool[] {
  const allowed = new Set(names);
  return tools.filter((tool) => allowed.has(tool.function.name));
}

interface ChatTool extends Fields {
  type: "function";
  function: { name: string } & Fields;
}

function toolOf(placed: PlacedTool): ChatTool {
  const { tool, path, namespace, preface } = placed;
  const made = tool.type === "custom" ? customTool(tool, path) : functionTool(tool, path);
  made.function.name = functionName(made.function.name, namespace);
  if (preface !== undefined)
    made.function["description"] = [preface, made.function["description"]].filter(Boolean).join("\n\n");
  return made;
}

function functionTool(tool: Fields, path: string): ChatTool {
  if (isGiven(tool.type) && tool.type !== "function") {
    throw refused(
      `${path}/type`,
      `the tool ${quoted(tool.type)} runs at OpenAI only and cannot be sent to this llm's provider; leave it out`,
    );
  }
  refuseOthers(tool, path, ["type", "name", "description", "parameters", "strict"], neutral);
  return {
    type: "function",
    function: {
      name: textAt(tool.name, `${path}/name`),
      ...(isGiven(tool.description) && { description: tool.description }),
      ...(isGiven(tool.parameters) && { parameters: objectAt(tool.parameters, `${path}/parameters`) }),
      ...(isGiven(tool.strict) && { strict: tool.strict }),
    },
  };
}

/** Translates a custom tool to a function with one text. */
function customTool(tool: Fields, path: string): ChatTool {
  refuseOthers(tool, path, ["type", "name", "description", "format"], neutral);
  const format = isGiven(tool.format) ? objectAt(tool.format, `${path}/format`) : { type: "text" };
  const description = isGiven(tool.description) ? textAt(tool.description, `${path}/description`) : "";
  return {
    type: "function",
    function: {
      name: textAt(tool.name, `${path}/name`),
      description: customDescription(description, format, `${path}/format`),
      parameters: customParameters,
    },
  };
}

function choiceOf(choice: unknown): { choice?: unknown; allowed?: string[] } {
  if (!isGiven(choice)) return {};
  const word = choiceWord(choice);
  if (word !== undefined) return { choice: word };
  if (typeof choice === "string") throw refused("/tool_choice", `tool_choice ${quoted(choice)} is not known`);
  const named = objectAt(choice, "/tool_choice");
  if (named.type === "function" || named.type === "custom") {
    refuseOthers(named, "/tool_choice", ["type", "name", "namespace"]);
    const name = functionName(textAt(named.name, "/tool_choice/name"), named.namespace);
    return { choice: { type: "function", function: { name } } };
  }
  if (named.type !== "allowed_tools") {
    throw refused(
      "/tool_choice/type",
      `tool_choice of type ${quoted(named.type)} has no counterpart at the llm's provider`,
    );
  }
  refuseOthers(named, "/tool_choice", ["type", "mode", "tools"]);
  if (named.mode !== "auto" && named.mode !== "required") {
    throw refused("/tool_choice/mode", "tool_choice.mode must be auto or required");
  }
  return { choice: named.mode, allowed: listAt(named.tools, "/tool_choice/tools").map(allowedName) };
}

function allowedName(value: unknown, index: number): string {
  const path = `/tool_choice/tools/${index}`;
  const tool = objectAt(value, path);
  if (tool.type !== "function" && tool.type !== "custom") {
    throw refused(`${path}/type`, `the tool ${quoted(tool.type)} cannot be sent to this llm's provider`);
  }
  return functionName(textAt(tool.name, `${path}/name`), tool.namespace);
}
