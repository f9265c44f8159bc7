import { type Fields, isGiven, listAt, objectAt, refuseOthers, textAt } from "../request-fields.ts";

/** A tool as the caller has it. Chat knows no namespaces: there it is a function with both names in one. */
export interface CallersTool {
  name: string;
  namespace?: string;
  isCustom: boolean;
}

/** A tool of a request outside any namespace, or in one. */
export interface PlacedTool {
  tool: Fields;
  path: string;
  namespace?: string;
  /** What its namespace is about, said with the first of its tools. */
  preface?: string;
}

/** What a function is called in chat. */
export function functionName(name: string, namespace: unknown): string {
  return typeof namespace === "string" && namespace !== "" ? `${namespace}__${name}` : name;
}

/**
 * Tools one by one, those of namespaces too.
 *
 * @throws AppError `invalid_request`
 */
export function placedTools(tools: readonly unknown[]): PlacedTool[] {
  return tools.flatMap((value, index): PlacedTool[] => {
    const path = `/tools/${index}`;
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

/** The tools of a request by their names in chat: calls of them are given back as the caller knows them. */
export function callersTools({ tools }: Fields): ReadonlyMap<string, CallersTool> {
  const known = new Map<string, CallersTool>();
  const add = (value: unknown, namespace?: string) => {
    const tool = value as Fields | null;
    const name = String(tool?.name);
    const isCustom = tool?.type === "custom";
    if (isCustom || namespace !== undefined)
      known.set(functionName(name, namespace), {
        name,
        isCustom,
        ...(namespace !== undefined && { namespace }),
      });
  };
  for (const value of Array.isArray(tools) ? (tools as (Fields | null)[]) : []) {
    if (value?.type !== "namespace") add(value);
    else if (Array.isArray(value.tools)) for (const inner of value.tools) add(inner, String(value.name));
  }
  return known;
}

/**
 * A search of the web, which OpenAI runs itself: only offered, so that a model without it answers all the same. The
 * answer's own list of tools does not have it.
 */
export function isWebSearch(tool: unknown): boolean {
  const type = (tool as Fields | null)?.type;
  return typeof type === "string" && /^web_search(_preview)?(_\d{4}_\d{2}_\d{2})?$/.test(type);
}
