import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { metaKeys, otherMetaKeys } from "../../../mcp/revisions.ts";
import { isLogLevel } from "./log-levels.ts";

/** A key of `_meta` that does not hold what the revision wants. */
export interface EnvelopeFault {
  key: string;
  problem: string;
}

/** The kinds of the values that are checked. */
const tests = {
  string: (value: unknown) => typeof value === "string",
  boolean: (value: unknown) => typeof value === "boolean",
  object: isObject,
  level: isLogLevel,
};

/** The fields that a request's `_meta` has, and those of the capabilities that calls rely on. */
const fields: readonly (readonly [path: readonly string[], kind: keyof typeof tests, required?: boolean])[] =
  [
    [[metaKeys.protocolVersion], "string", true],
    [[metaKeys.clientCapabilities], "object", true],
    [[metaKeys.clientInfo], "object"],
    [[metaKeys.clientInfo, "name"], "string", true],
    [[metaKeys.clientInfo, "version"], "string", true],
    [[otherMetaKeys.logLevel], "level"],
    ...["sampling", "elicitation", "roots", "experimental", "extensions"].map(
      (name) => [[metaKeys.clientCapabilities, name], "object"] as const,
    ),
    [[metaKeys.clientCapabilities, "sampling", "context"], "object"],
    [[metaKeys.clientCapabilities, "sampling", "tools"], "object"],
    [[metaKeys.clientCapabilities, "elicitation", "form"], "object"],
    [[metaKeys.clientCapabilities, "elicitation", "url"], "object"],
    [[metaKeys.clientCapabilities, "roots", "listChanged"], "boolean"],
  ];

/** The same, with what is the same for every request. */
const checks = fields.map(([path, kind, required = false]) => ({
  parents: path.slice(0, -1),
  name: path.at(-1)!,
  key: path.join("."),
  test: tests[kind],
  wanted: kind === "object" ? "an object" : `a ${kind}`,
  required,
}));

/** Returns the first fault of the `_meta` of a modern request (revision 2026-07-28, "Base protocol"). */
export function envelopeFault(meta: JsonObject): EnvelopeFault | undefined {
  for (const { parents, name, key, test, wanted, required } of checks) {
    let parent: unknown = meta;
    for (const one of parents) parent = isObject(parent) ? parent[one] : undefined;
    if (!isObject(parent)) continue;
    const value = parent[name];
    if (value === undefined) {
      if (required) return { key, problem: "missing" };
    } else if (!test(value)) return { key, problem: `must be ${wanted}` };
  }
  return undefined;
}
