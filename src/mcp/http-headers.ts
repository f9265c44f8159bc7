import { isObject, type JsonObject, type RpcMessage } from "./messages.ts";
import { metaKeys } from "./revisions.ts";

/** The field of `params` that each method's name is in (revision 2026-07-28, "Standard Request Headers"). */
const nameFields: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/** Returns the headers that repeat parts of a modern request. A request of another revision has none. */
export function headersOf(message: RpcMessage): Record<string, string> {
  if (!("method" in message)) return {};
  const { method, params = {} } = message;
  const meta = params["_meta"];
  const revision = isObject(meta) ? meta[metaKeys.protocolVersion] : undefined;
  if (typeof revision !== "string") return {};
  const name = nameIn(method, params);
  return {
    "mcp-protocol-version": revision,
    "mcp-method": method,
    ...(name !== undefined && { "mcp-name": headerText(name) }),
  };
}

/** Returns the name, URI or id that a modern request is about, which its header `mcp-name` repeats. */
export function nameIn(method: string, params: JsonObject): string | undefined {
  const field = Object.hasOwn(nameFields, method) ? nameFields[method] : undefined;
  const name = field === undefined ? undefined : params[field];
  return typeof name === "string" ? name : undefined;
}

/** Returns a text as a header can hold it: as it is, or `=?base64?…?=`. */
export function headerText(text: string): string {
  const isSafe = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/i.test(text);
  return isSafe ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}

/** Returns the text of a header, decoded; undefined if it is not valid. */
export function textOfHeader(value: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/i.exec(value)?.[1];
  if (encoded === undefined) return value;
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded ? bytes.toString("utf8") : undefined;
}
