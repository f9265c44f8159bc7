import type { JsonObject } from "../messages.ts";
import { boolean, list, number, object, string, type Usable, withUsable } from "./fields.ts";
import { schemaObject } from "./schema.ts";

/** The lists that a server has. */
type ListName = "tools" | "prompts" | "resources" | "resourceTemplates";

/** The fields that all definitions have. */
const common = {
  title: string,
  description: string,
  _meta: object(),
  icons: list((icon) => (typeof (icon as JsonObject | null)?.["src"] === "string" ? icon : undefined)),
};

const annotations = object({ audience: list(string), priority: number, lastModified: string });

const fields = {
  tools: {
    ...common,
    inputSchema,
    outputSchema: schemaObject,
    annotations: object({
      title: string,
      readOnlyHint: boolean,
      destructiveHint: boolean,
      idempotentHint: boolean,
      openWorldHint: boolean,
    }),
    execution: object(),
  },
  prompts: {
    ...common,
    arguments: list((argument) =>
      typeof (argument as JsonObject | null)?.["name"] === "string"
        ? withUsable(argument as JsonObject, { title: string, description: string, required: boolean })
        : undefined,
    ),
  },
  resources: { ...common, mimeType: string, size: number, annotations },
  resourceTemplates: { ...common, mimeType: string, annotations },
} as const satisfies Record<ListName, Record<string, Usable>>;

/**
 * Returns the definition of something that a server lists as clients can use it. Clients read a list as a whole: one
 * field of the wrong type, and all tools of all servers are gone (failure mode 222). Such a field is left out.
 *
 * @returns the same object if nothing has to be changed
 */
export function usableDefinition(name: ListName, definition: JsonObject): JsonObject {
  const usable = withUsable(definition, fields[name]);
  if (name === "tools" && (usable["inputSchema"] ?? null) === null)
    return { ...usable, inputSchema: { type: "object" } };
  if (name.startsWith("resource") && typeof usable["name"] !== "string")
    return { ...usable, name: String(usable["uri"] ?? usable["uriTemplate"]) };
  return usable;
}

/** A tool without arguments often has an empty schema, or none. */
function inputSchema(value: unknown): unknown {
  if (value === null) return undefined;
  const schema = schemaObject(value);
  if (!schema) return value;
  const { type } = schema;
  const isAnything = type === undefined || (Array.isArray(type) && type.includes("object"));
  return isAnything ? { ...schema, type: "object" } : schema;
}
