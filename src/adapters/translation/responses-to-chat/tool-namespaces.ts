import { isObject } from "../../../wire/json.ts";
import { type Fields, isGiven, listAt, objectAt, refuseOthers, textAt } from "../request-fields.ts";

/** A tool of the caller. Chat has no namespaces: there the tool is a function with both names in one. */
export interface CallersTool {
  name: string;
  namespace?: string;
  isCustom: boolean;
}

/** A tool of a request, with its namespace if it has one. */
export interface PlacedTool {
  tool: Fields;
  path: string;
  namespace?: string;
  /** The description of the namespace, which goes to the first of its tools. */
  preface?: string;
}

/** Returns the name of a tool in chat. */
export function functionName(name: string, namespace: unknown): string {
  return typeof namespace === "string" && namespace !== "" ? `${namespace}__${name}` : name;
}

/**
 * Lists the tools of a request, also those in namespaces.
 *
 * @throws AppError `invalid_request`
 */
export function placedTools(tools: readonly unknown[], at: string): PlacedTool[] {
  return tools.flatMap((value, index): PlacedTool[] => {
    const path = `${at}/${index}`;
    const tool = objectAt(value, path);
    if (tool.type !== "namespace") return [{ tool, path }];
    refuseOthers(tool, path, ["type", "name", "description", "tools"]);
    const namespace = textAt(tool.name, `${path}/name`);
    const preface = isGiven(tool.description) ? textAt(tool.description, `${path}/description`) : "";
    return listAt(tool.tools, `${path}/tools`).map((inner, at) => {
      const innerPath = `${path}/tools/${at}`;
      const placed = { tool: objectAt(inner, innerPath), path: innerPath, namespace };
      return at === 0 && preface !== "" ? { ...placed, preface } : placed;
    });
  });
}

/**
 * Returns the tools of a request: its own, and those that Codex adds in items of its input.
 *
 * @throws AppError `invalid_request`
 */
export function requestTools(body: Fields): { tools: unknown[]; path: string }[] {
  const own = isGiven(body.tools) ? [{ tools: listAt(body.tools, "/tools"), path: "/tools" }] : [];
  const items: unknown[] = Array.isArray(body.input) ? body.input : [];
  const added = items.flatMap((item, index) => {
    if (!isObject(item) || item.type !== "additional_tools" || !isGiven(item.tools)) return [];
    const path = `/input/${index}/tools`;
    return [{ tools: listAt(item.tools, path), path }];
  });
  return [...own, ...added];
}

/** Returns the tools of a request by their names in chat, so that calls can be returned with the caller's names. */
export function callersTools(body: Fields): ReadonlyMap<string, CallersTool> {
  const known = new Map<string, CallersTool>();
  const add = (value: unknown, namespace?: string) => {
    const tool = value as Fields | null;
    const name = String(tool?.name);
    const isCustom = tool?.type === "custom";
    const called = { name, isCustom, ...(namespace !== undefined && { namespace }) };
    known.set(functionName(name, namespace), called);
  };
  for (const value of requestTools(body).flatMap(({ tools }) => tools as (Fields | null)[])) {
    if (value?.type !== "namespace") add(value);
    else if (Array.isArray(value.tools)) for (const inner of value.tools) add(inner, String(value.name));
  }
  return known;
}
