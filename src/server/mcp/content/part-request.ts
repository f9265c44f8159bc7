import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import type { PartWord } from "./kept-results.ts";

/** A wish for a part of a result that was cut. */
export interface PartRequest {
  resultId: string;
  /** The number of a part, from 1, or a range of which the index is wanted. Undefined for the whole index. */
  parts?: { from: number; to: number; isRange: boolean };
  /** Set if the number of the part cannot be read. */
  fault?: string;
}

/** The names of the arguments by which parts are asked for. */
export interface PartNames {
  resultId: string;
  page: string;
  section: string;
}

const own = ["_resultId", "_page", "_section"] as const;

/**
 * Returns the names of the arguments by which parts are asked for: with more underscores in front where a tool has
 * arguments of these names itself.
 */
export function partArguments(inputSchema: unknown): PartNames {
  const properties = isObject(inputSchema) ? inputSchema["properties"] : undefined;
  const has = (name: string) => isObject(properties) && Object.hasOwn(properties, name);
  let prefix = "";
  while (own.some((name) => has(prefix + name))) prefix += "_";
  const [resultId, page, section] = own.map((name) => prefix + name) as [string, string, string];
  return { resultId, page, section };
}

/** Returns the schema of a tool with the arguments by which parts of its results are asked for. */
export function withPartArguments(inputSchema: unknown, word: PartWord): JsonObject {
  const schema = isObject(inputSchema) ? inputSchema : { type: "object" };
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const { resultId, page, section } = partArguments(schema);
  return {
    ...schema,
    properties: {
      ...properties,
      [resultId]: { type: "string", description: "Id of an earlier long result, to read more of it" },
      ...(word === "page" && {
        [page]: { type: "integer", minimum: 1, description: "The page of that result" },
      }),
      [section]: {
        type: "string",
        description: `The ${word} of that result, or the range of its index, such as 2-33`,
      },
    },
  };
}

/** Takes the wish for a part out of the arguments of a call. They are not for the server. */
export function takePartRequest(
  inputSchema: unknown,
  given: unknown,
): { request?: PartRequest; rest: unknown } {
  if (!isObject(given)) return { rest: given };
  const names = partArguments(inputSchema);
  const { [names.resultId]: resultId, [names.page]: page, [names.section]: section, ...rest } = given;
  // Models fill arguments that they do not need with empty values.
  if (typeof resultId !== "string" || resultId === "") return { rest };
  return { request: partRequest(resultId, isEmpty(page) ? section : page), rest };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** Returns the wish for a part by its number or range as a client wrote it. */
export function partRequest(resultId: string, wanted: unknown): PartRequest {
  if (isEmpty(wanted)) return { resultId };
  const [, from, to] = /^\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*$/.exec(String(wanted)) ?? [];
  if (from === undefined) return { resultId, fault: "must be a number, or a range such as 2-33" };
  return {
    resultId,
    parts: { from: Number(from), to: Number(to ?? from), isRange: to !== undefined && to !== from },
  };
}

/** Returns a wish as a short text: `2`, `2-33`, `index`. */
export function partText({ parts }: PartRequest): string {
  if (!parts) return "index";
  return parts.isRange ? `${parts.from}-${parts.to}` : String(parts.from);
}

/** The beginning of the URIs of results that were cut. */
const uriStart = "mcpctl://results/";

/** Returns the URI of a part of a result, which can be read as a resource; without a part that of its index. */
export function partUri(resultId: string, part?: number | string): string {
  return part === undefined ? uriStart + resultId : `${uriStart}${resultId}/${part}`;
}

/** Returns the wish that a URI stands for; undefined if it is that of something else. */
export function partRequestOf(uri: string): PartRequest | undefined {
  if (!uri.startsWith(uriStart)) return undefined;
  const [resultId = "", part, ...more] = uri.slice(uriStart.length).split("/");
  return more.length > 0 ? { resultId, fault: "is not known" } : partRequest(resultId, part);
}
