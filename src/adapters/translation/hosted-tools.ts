import type { Dialect } from "../../wire/dialects/types.ts";
import { isObject } from "../../wire/json.ts";

/** The tools of a dialect that run at its own provider, or are called in a form that only it has. */
const hosted: Readonly<Record<Dialect, RegExp | undefined>> = {
  // Of Kimi, Gemini and OpenRouter.
  chat: /^(?:builtin_function|web_search|google_search|url_context|code_execution|code_interpreter|openrouter)(?:[_:]|$)/,
  messages: /^(?:web_search|web_fetch|code_execution|tool_search_tool|mcp_toolset|advisor)(?:_|$)/,
  responses:
    /^(?:web_search|image_generation|file_search|code_interpreter|computer|mcp|local_shell|shell|apply_patch|tool_search)(?:_|$)/,
};

/**
 * Hosted tools that are left out even where they stand alone: Codex offers web search with every request, and all tools
 * are sent anyway, so that none has to be searched for.
 */
const always: Readonly<Record<Dialect, RegExp | undefined>> = {
  chat: undefined,
  messages: /^tool_search_tool(?:_|$)/,
  responses: /^(?:web_search|image_generation|tool_search)(?:_|$)/,
};

/**
 * Returns a function that is true for a tool that a translation leaves out. A hosted tool among others is only an offer:
 * the model answers without it. One that stands alone is what the request is about, and is refused by name (case 141).
 *
 * @param tools all tools of the request
 */
export function leftOutOf(dialect: Dialect, tools: readonly unknown[]): (tool: unknown) => boolean {
  const hasOthers = tools.some((tool) => !isHosted(dialect, tool));
  return (tool) => always[dialect]?.test(typeOf(tool)) || (hasOthers && isHosted(dialect, tool));
}

/** Returns the types of the tools that a translation leaves out. */
export function leftOutTools(dialect: Dialect, tools: unknown): string[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(leftOutOf(dialect, tools)).map(typeOf);
}

function isHosted(dialect: Dialect, tool: unknown): boolean {
  return hosted[dialect]?.test(typeOf(tool)) === true;
}

function typeOf(tool: unknown): string {
  return isObject(tool) && typeof tool.type === "string" ? tool.type : "";
}
