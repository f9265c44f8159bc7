import { customDescription, customParameters } from "../custom-tool.ts";
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
import { cacheControl } from "./content.ts";

const known = {
  tool: ["type", "function", "cache_control"],
  described: ["name", "description", "parameters", "strict"],
};

/**
 * Translates `tools`, `tool_choice` and `parallel_tool_calls` to Anthropic's `tools` and `tool_choice`. Tools stay when
 * the choice is `none`, because the history may need them (case 31).
 *
 * @param answer An additional tool whose arguments are to be the answer (case 36).
 * @throws AppError `invalid_request`
 */
export function toolsOf(
  body: Fields,
  answer?: Fields & { name: string },
): { tools?: Fields[]; tool_choice?: Fields } {
  const { tools = [], tool_choice } = callerTools(body);
  if (!answer) return { ...(tools.length > 0 && { tools }), ...(tool_choice && { tool_choice }) };
  const mayCall = tools.length > 0 && tool_choice?.type !== "none";
  const forced = { type: "tool", name: answer.name, disable_parallel_tool_use: true };
  const choice = mayCall ? { ...tool_choice, type: "any" } : forced;
  const isForced = tool_choice?.type === "any" || tool_choice?.type === "tool";
  return { tools: [...tools, answer], tool_choice: isForced ? tool_choice : choice };
}

function callerTools(body: Fields): { tools?: Fields[]; tool_choice?: Fields } {
  const given = isGiven(body.tools) ? listAt(body.tools, "/tools") : [];
  const { choice, allowed } = toolChoice(body.tool_choice);
  const isLeftOut = leftOutOf("chat", given);
  const tools = given
    .map((value, index) => ({ value, path: `/tools/${index}` }))
    .filter(({ value }) => !isLeftOut(value));
  if (tools.length === 0) {
    if (choice && choice.type !== "auto" && choice.type !== "none") {
      throw refused("/tool_choice", "tool_choice needs tools");
    }
    return {};
  }
  const translated = uniqueTools(
    tools.map(({ value, path }) => toolOf(chatForm(objectAt(value, path)), path)),
    ({ name }) => name,
  );
  return {
    tools: allowed ? translated.filter(({ name }) => allowed.has(String(name))) : translated,
    ...withParallel(choice, body.parallel_tool_calls),
  };
}

/** Returns a tool in the form of chat: some clients write that of responses or of Anthropic (case 169). */
function chatForm(tool: Fields): Fields {
  if (isGiven(tool.function) || typeof tool.name !== "string") return tool;
  const { type, cache_control, input_schema, ...described } = tool;
  return {
    type: type === "custom" && isGiven(input_schema) ? "function" : type,
    ...(isGiven(cache_control) && { cache_control }),
    function: isGiven(input_schema) ? { parameters: input_schema, ...described } : described,
  };
}

/** Translates a tool. Its schema stays unchanged; a tool without one takes no arguments (case 30). */
function toolOf(tool: Fields, path: string): Fields {
  if (tool.type === "custom") return customTool(tool, path);
  if (isGiven(tool.type) && tool.type !== "function") {
    throw refused(
      `${path}/type`,
      `a tool of type ${quoted(tool.type)} cannot be sent to this llm's provider`,
    );
  }
  refuseOthers(tool, path, known.tool);
  const described = objectAt(tool.function, `${path}/function`);
  refuseOthers(described, `${path}/function`, known.described);
  const parameters = isGiven(described.parameters)
    ? objectAt(described.parameters, `${path}/function/parameters`)
    : { properties: {} };
  return {
    name: fittingName(textAt(described.name, `${path}/function/name`)),
    ...(isGiven(described.description) && { description: described.description }),
    input_schema: argumentsSchema({ type: "object", ...parameters }),
    ...(isGiven(described.strict) && { strict: described.strict }),
    ...cacheControl(tool),
  };
}

/** Translates a free-form tool to one that takes one text: its calls come back as calls of a custom tool (case 205). */
function customTool(tool: Fields, path: string): Fields {
  refuseOthers(tool, path, ["type", "custom", "cache_control"]);
  const at = `${path}/custom`;
  const custom = objectAt(tool.custom, at);
  refuseOthers(custom, at, ["name", "description", "format"]);
  const { grammar, ...form } = isGiven(custom.format)
    ? objectAt(custom.format, `${at}/format`)
    : { type: "text", grammar: undefined };
  // Chat wraps the grammar once more than responses.
  const format = { ...form, ...(isGiven(grammar) && objectAt(grammar, `${at}/format/grammar`)) };
  const words = isGiven(custom.description) ? textAt(custom.description, `${at}/description`) : "";
  const description = customDescription(words, format, `${at}/format`);
  return {
    name: fittingName(textAt(custom.name, `${at}/name`)),
    ...(description !== "" && { description }),
    input_schema: customParameters,
    ...cacheControl(tool),
  };
}

/** Translates the choice. `allowed` are the names of the only tools that may be called. */
function toolChoice(choice: unknown): { choice?: Fields; allowed?: ReadonlySet<string> } {
  if (!isGiven(choice)) return {};
  const word = choiceWord(choice);
  if (word !== undefined) return { choice: { type: word === "required" ? "any" : word } };
  const named = objectAt(choice, "/tool_choice");
  if (named.type === "allowed_tools") {
    const { mode, tools } = objectAt(named.allowed_tools ?? named, "/tool_choice/allowed_tools");
    const names = listAt(tools, "/tool_choice/allowed_tools/tools").map((tool, index) =>
      chosenName(objectAt(tool, `/tool_choice/allowed_tools/tools/${index}`)),
    );
    return { choice: { type: mode === "required" ? "any" : "auto" }, allowed: new Set(names) };
  }
  if (named.type !== "function" && named.type !== "tool" && named.type !== "custom") {
    throw refused(
      "/tool_choice",
      `tool_choice of type ${quoted(named.type)} has no counterpart at the llm's provider`,
    );
  }
  return { choice: { type: "tool", name: chosenName(named) } };
}

/** Returns the name of a chosen tool, in the form of chat, or of responses and Anthropic. */
function chosenName(named: Fields): string {
  const { type, custom } = named;
  const [called, field] = type === "custom" ? [custom, "custom"] : [named.function, "function"];
  const described = isGiven(called) ? objectAt(called, `/tool_choice/${field}`) : named;
  return fittingName(textAt(described.name, `/tool_choice/${field}/name`));
}

/** Forbids parallel calls within the choice, as Anthropic does; adds a choice where there is none (case 33). */
function withParallel(choice: Fields | undefined, parallel: unknown): { tool_choice?: Fields } {
  if (parallel !== false || choice?.type === "none") return choice ? { tool_choice: choice } : {};
  return { tool_choice: { ...(choice ?? { type: "auto" }), disable_parallel_tool_use: true } };
}
