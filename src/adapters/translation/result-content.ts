import { isObject } from "../../wire/json.ts";

/** Returns the content of a tool's result as text or parts. Some clients send the object or number that the tool returned. */
export function resultContent(content: unknown): unknown {
  if (isObject(content)) return JSON.stringify(content);
  return typeof content === "number" || typeof content === "boolean" ? String(content) : content;
}
