import { headerText, textOfHeader } from "./http-headers.ts";
import { isObject, type JsonObject } from "./messages.ts";

/** An argument of a tool that HTTP clients repeat in a header (revision 2026-07-28, "Schema Extension"). */
export interface ParamHeader {
  /** The header: `mcp-param-region`. */
  header: string;
  /** The keys that lead to the argument. */
  path: readonly string[];
  isNumber: boolean;
}

const annotation = "x-mcp-header";
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A number such as 0.1 has several spellings, so it may not be in a header. */
const types: ReadonlySet<unknown> = new Set(["string", "integer", "boolean"]);
const none: readonly ParamHeader[] = [];

/**
 * Finds the arguments of a tool that HTTP clients repeat in headers.
 *
 * @returns the headers, or the reason why the schema is not valid
 */
export function paramHeadersIn(inputSchema: JsonObject): readonly ParamHeader[] | { fault: string } {
  if (!JSON.stringify(inputSchema).includes(`"${annotation}"`)) return none;
  const found: ParamHeader[] = [];
  const names = new Set<string>();
  const visit = (node: unknown, path: readonly string[], isReachable: boolean): string | undefined => {
    if (Array.isArray(node)) return first(node, (one) => visit(one, path, false));
    if (!isObject(node)) return undefined;
    const name = node[annotation];
    if (name !== undefined) {
      const fault = faultOf(name, node["type"], isReachable && path.length > 0, names);
      if (fault !== undefined) return `${path.join(".") || "the schema"}: ${fault}`;
      found.push({
        header: `mcp-param-${String(name).toLowerCase()}`,
        path,
        isNumber: node["type"] === "integer",
      });
    }
    return first(Object.entries(node), ([key, child]) => {
      if (key !== "properties") return dataKeys.has(key) ? undefined : visit(child, path, false);
      return first(Object.entries(isObject(child) ? child : {}), ([property, schema]) =>
        visit(schema, [...path, property], isReachable),
      );
    });
  };
  const fault = visit(inputSchema, [], true);
  return fault === undefined ? found : { fault };
}

/** Keys of a schema that hold data, not schemas. */
const dataKeys: ReadonlySet<string> = new Set(["default", "const", "enum", "examples"]);

function faultOf(name: unknown, type: unknown, isReachable: boolean, names: Set<string>): string | undefined {
  if (!isReachable) return `${annotation} may only be on a property that is reached through properties`;
  if (typeof name !== "string" || !token.test(name)) return `${annotation} is not the name of a header`;
  if (!types.has(type)) return `${annotation} needs the type string, integer or boolean`;
  if (names.has(name.toLowerCase())) return `two arguments have the ${annotation} ${name}`;
  names.add(name.toLowerCase());
  return undefined;
}

function first<T>(list: readonly T[], find: (one: T) => string | undefined): string | undefined {
  for (const one of list) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns the headers that repeat arguments. Arguments that are left out or null have none. */
export function paramHeaders(declared: readonly ParamHeader[], args: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of declared) {
    const text = textOf(valueAt(args, path));
    if (text !== undefined) headers[header] = headerText(text);
  }
  return headers;
}

/** Returns the reason why the headers of a call do not agree with its arguments; undefined if they do. */
export function paramHeaderFault(
  declared: readonly ParamHeader[],
  args: unknown,
  headers: Pick<Headers, "get">,
): string | undefined {
  for (const { header, path, isNumber } of declared) {
    const value = valueAt(args, path);
    const text = textOf(value);
    if (text === undefined) continue;
    const sent = headers.get(header);
    if (sent === null) return `the header ${header} is missing`;
    const decoded = textOfHeader(sent.trim());
    const isSame =
      isNumber && /^-?\d+(\.\d+)?$/.test(decoded ?? "") ? Number(decoded) === value : decoded === text;
    if (!isSame) return `the header ${header} does not agree with the argument ${path.join(".")}`;
  }
  return undefined;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) node = isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  return node;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  return undefined;
}
