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
import { takesStrict } from "../strict-schema.ts";
import { choiceWord } from "../tool-choice-words.ts";
import { argumentsSchema } from "../tool-schema.ts";
import { uniqueTools } from "../unique-tools.ts";

/**
 * Translates `tools`, `tool_choice` and `parallel_tool_calls` of chat to those of responses. There `strict` is the
 * default, which would make optional parameters required: so it is always said.
 *
 * @throws AppError `invalid_request`
 */
export function toolsOf(body: Fields): Fields {
  const tools = isGiven(body.tools) ? listAt(body.tools, "/tools") : [];
  const choice = toolChoice(body.tool_choice);
  if (tools.length === 0) {
    if (isGiven(choice) && choice !== "auto" && choice !== "none")
      throw refused("/tool_choice", "tool_choice needs tools");
    return {};
  }
  return {
    tools: uniqueTools(
      tools.map((value, index) => toolOf(objectAt(value, `/tools/${index}`), `/tools/${index}`)),
      ({ name }) => name,
    ),
    ...(isGiven(choice) && { tool_choice: choice }),
    ...(isGiven(body.parallel_tool_calls) && { parallel_tool_calls: body.parallel_tool_calls }),
  };
}

function toolOf(tool: Fields, path: string): Fields {
  if (tool.type === "custom") return customTool(tool, path);
  if (isGiven(tool.type) && tool.type !== "function") {
    throw refused(
      `${path}/type`,
      `a tool of type ${quoted(tool.type)} cannot be sent to this llm's provider`,
    );
  }
  refuseOthers(tool, path, ["type", "function", "cache_control"]);
  const described = objectAt(tool.function, `${path}/function`);
  refuseOthers(described, `${path}/function`, ["name", "description", "parameters", "strict"]);
  const parameters = isGiven(described.parameters)
    ? objectAt(described.parameters, `${path}/function/parameters`)
    : {};
  // A tool without parameters, or whose schema names none.
  const schema = argumentsSchema(
    isGiven(parameters.type) ? parameters : { type: "object", properties: {}, ...parameters },
  );
  return {
    type: "function",
    name: textAt(described.name, `${path}/function/name`),
    ...(isGiven(described.description) && { description: described.description }),
    parameters: schema,
    strict: described.strict === true && takesStrict(schema),
  };
}

function customTool(tool: Fields, path: string): Fields {
  refuseOthers(tool, path, ["type", "custom"]);
  const { format, ...described } = objectAt(tool.custom, `${path}/custom`);
  refuseOthers(described, `${path}/custom`, ["name", "description"]);
  if (!isGiven(format)) return { type: "custom", ...described };
  const form = objectAt(format, `${path}/custom/format`);
  // Chat wraps the grammar once more.
  const grammar = form.type === "grammar" ? objectAt(form.grammar, `${path}/custom/format/grammar`) : {};
  return { type: "custom", ...described, format: { type: form.type, ...grammar } };
}

function toolChoice(choice: unknown): unknown {
  if (!isGiven(choice)) return undefined;
  const word = choiceWord(choice);
  if (word !== undefined) return word;
  const named = objectAt(choice, "/tool_choice");
  if (named.type === "function" || named.type === "custom") return namedTool(named, "/tool_choice");
  if (named.type !== "allowed_tools") {
    throw refused(
      "/tool_choice",
      `tool_choice of type ${quoted(named.type)} has no counterpart at the llm's provider`,
    );
  }
  const path = "/tool_choice/allowed_tools";
  const { mode, tools } = objectAt(named.allowed_tools, path);
  const allowed = listAt(tools, `${path}/tools`).map((tool, index) =>
    namedTool(objectAt(tool, `${path}/tools/${index}`), `${path}/tools/${index}`),
  );
  return { type: "allowed_tools", mode, tools: allowed };
}

function namedTool({ type, function: called, custom }: Fields, path: string): Fields {
  const kind = type === "custom" ? "custom" : "function";
  const at = `${path}/${kind}`;
  return { type: kind, name: textAt(objectAt(kind === "custom" ? custom : called, at).name, `${at}/name`) };
}
