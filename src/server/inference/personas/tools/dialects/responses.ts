import { AppError } from "../../../../../errors.ts";
import { isObject } from "../../../../../wire/json.ts";
import type { ModelTools } from "../model-tools.ts";
import { type ProjectCall, type Round, usageOfAll } from "../round.ts";
import { asCallersAnswer, callIdOf, callItem, callTypes } from "./responses-items.ts";
import { responsesStream } from "./responses-stream.ts";
import {
  type AnswerContext,
  argumentsText,
  changed,
  type JsonFields,
  objectsIn,
  type ToolDialect,
  textIn,
} from "./tool-dialect.ts";

/** Calls and results have the items that OpenAI's MCP tool has: `mcp_call`. */
export const responses: ToolDialect = {
  checkRequest({ background }) {
    if (background !== true) return;
    const message = "an agent with tools does not answer in the background";
    throw new AppError("invalid_request", message, { details: [{ path: "/background", message }] });
  },
  ownNames: ({ tools }) => objectsIn(tools).flatMap(({ name }) => (typeof name === "string" ? [name] : [])),
  prepared(body, tools) {
    const { input, tools: own, tool_choice: choice } = body;
    const added = [...tools.tools].map(([name, { description, inputSchema: parameters }]) => ({
      type: "function",
      name,
      ...(description !== undefined && { description }),
      parameters,
      // Schemas of MCP servers do not keep the rules of strict ones.
      strict: false,
    }));
    const chosen = isObject(choice) ? tools.known(choice["name"]) : undefined;
    const hasCalls = objectsIn(input).some((item) => isCallOf(item, tools));
    return {
      tools: [...added, ...(Array.isArray(own) ? own : [])],
      ...(chosen !== undefined && { tool_choice: { ...(choice as JsonFields), name: chosen } }),
      ...(hasCalls && { input: (input as unknown[]).flatMap((item) => expanded(item, tools)) }),
    };
  },
  keptOf: ({ output }) => objectsIn(output).filter(({ type }) => type === "mcp_call"),
  restored({ input }, kept) {
    const known = new Set(objectsIn(input).map(({ id }) => id));
    const elements = (Array.isArray(input) ? input : []).flatMap((item: unknown) => {
      const isCall = isObject(item) && callTypes.has(item["type"]);
      const all = isCall ? kept(item["call_id"]) : undefined;
      const missing = (all ?? []).filter(({ id }) => !known.has(id));
      for (const { id } of missing) known.add(id);
      return [...missing, item];
    });
    return changed("input", input, elements);
  },
  wantsJson: ({ text }) =>
    isObject(text) && isObject(text["format"]) && /^json/.test(textIn(text["format"]["type"])),
  callsIn: ({ output }) =>
    callsOf(output).map((item) => ({
      id: textIn(item["call_id"]),
      name: textIn(item["name"]),
      text: argumentsText(item["arguments"] ?? item["input"]),
    })),
  isCut: ({ status }) => status === "incomplete" || status === "failed",
  next(body, { answer, calls }) {
    const { input, store } = body;
    let at = 0;
    const output = objectsIn(answer["output"]).flatMap((item) => {
      if (callTypes.has(item["type"])) return [{ ...item, call_id: calls[at++]?.id ?? item["call_id"] }];
      // Reasoning that the provider does not keep cannot be named.
      const isLost = item["type"] === "reasoning" && store === false && !item["encrypted_content"];
      return isLost ? [] : [item];
    });
    const results = calls.flatMap(({ id, result }) =>
      result ? [{ type: "function_call_output", call_id: id, output: result.text }] : [],
    );
    // The provider has added the answer to its conversation itself.
    if (body["conversation"]) return { field: "input", elements: results, isWhole: true };
    const elements = [...output, ...results];
    if (typeof input !== "string") return { field: "input", elements };
    const asked = { type: "message", role: "user", content: input };
    return { field: "input", elements: [asked, ...elements], isWhole: true };
  },
  freed: ({ tool_choice: choice }) =>
    choice === undefined || choice === null || choice === "auto" || choice === "none"
      ? {}
      : { tool_choice: "auto" },
  withoutCalls: { tool_choice: "none" },
  whole(rounds, context) {
    const usage = usageOfAll(rounds);
    return {
      ...asCallersAnswer(rounds.at(-1)!.answer, context),
      output: rounds.flatMap((round) => itemsOf(round, context)),
      ...(usage !== undefined && { usage }),
    };
  },
  stream: responsesStream,
};

/** Returns the items of a round for the caller. */
function itemsOf({ answer, calls, isLast }: Round, context: AnswerContext): JsonFields[] {
  let at = 0;
  return objectsIn(answer["output"]).flatMap((item) => {
    if (item["type"] === "message" && context.isJson && !isLast) return [];
    if (!callTypes.has(item["type"])) return [item];
    const call = calls[at++];
    if (!call?.tool) return [item];
    return call.result ? [callItem(call as ProjectCall, context)] : [];
  });
}

function callsOf(output: unknown): JsonFields[] {
  return objectsIn(output).filter(({ type }) => callTypes.has(type));
}

function isCallOf(item: unknown, { label }: ModelTools): item is JsonFields {
  return isObject(item) && item["type"] === "mcp_call" && item["server_label"] === label;
}

/** Returns the items that a call of a tool of the project was for the model; none if it has no result. */
function expanded(item: unknown, tools: ModelTools): unknown[] {
  if (!isCallOf(item, tools)) return [item];
  const { output, error } = item;
  const failure = isObject(error)
    ? objectsIn(error["content"])
        .map((part) => textIn(part["text"]))
        .join("\n")
    : textIn(error);
  const text = typeof output === "string" ? output : failure;
  if (typeof output !== "string" && (error === null || error === undefined)) return [];
  const call_id = callIdOf(textIn(item["id"]));
  const name = tools.modelName(textIn(item["name"]));
  return [
    { type: "function_call", call_id, name, arguments: argumentsText(item["arguments"]) },
    { type: "function_call_output", call_id, output: text },
  ];
}
