import { isObject } from "../../../mcp/messages.ts";
import { type ParamHeader, paramHeadersIn } from "../../../mcp/param-headers.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { McpDefinition } from "../../core/store/mcp-status.ts";

/** The most characters of the schemas of one tool, as JSON. */
const maxLength = 256 * 1024;
/** The most levels of a schema. */
const maxDepth = 40;

/** The result of a look at a tool's schemas. */
export interface SchemaFacts {
  /** The reason why clients could not use the tool; undefined if they can. */
  fault?: string;
  /** The arguments that HTTP clients repeat in headers. */
  headers: readonly ParamHeader[];
}

/** Returns the facts of a tool's schemas. One with a fault would make some clients refuse the whole list (T168). */
export const schemaFacts = oncePerObject((definition: McpDefinition): SchemaFacts => {
  const { inputSchema, outputSchema } = definition;
  const fault =
    faultOf(inputSchema, "inputSchema") ??
    (outputSchema === undefined ? undefined : faultOf(outputSchema, "outputSchema"));
  if (fault !== undefined) return { fault, headers: [] };
  if (isObject(inputSchema) && inputSchema["type"] !== "object")
    return { fault: 'inputSchema is not of the type "object"', headers: [] };
  const headers = paramHeadersIn(inputSchema as Record<string, unknown>);
  return "fault" in headers ? { fault: headers.fault, headers: [] } : { headers };
});

function faultOf(schema: unknown, field: string): string | undefined {
  if (!isObject(schema)) return `${field} is not an object`;
  if (depthOf(schema) > maxDepth) return `${field} has more than ${maxDepth} levels`;
  if (JSON.stringify(schema).length > maxLength) return `${field} is larger than ${maxLength / 1024} KB`;
  return undefined;
}

/** Returns the number of levels of a value, but no more than one above the limit. */
function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== "object" || value === null || depth > maxDepth) return depth;
  return Math.max(depth, ...Object.values(value).map((child) => depthOf(child, depth + 1)));
}
