import { isObject } from "../../mcp/messages.ts";

/** The most characters of a name that is kept. */
const maxName = 200;

/** The characters of a session's id that are kept. */
const sessionCharacters = 8;

/** Returns the begin of a text, as a text of its own: a part of a string keeps the whole string in memory. */
export function kept(text: string): string {
  return Buffer.from(text.slice(0, maxName)).toString();
}

/** Returns the begin of a session's id. It tells sessions apart and opens none (T160). */
export function sessionLabel(id: string): string {
  return kept(id.slice(0, sessionCharacters));
}

/** Returns the name and version of a client as one text; undefined if it gives none. */
export function clientName(info: unknown): string | undefined {
  const { name, version } = isObject(info) ? info : {};
  if (typeof name !== "string") return undefined;
  return kept(typeof version === "string" ? `${name} ${version}` : name);
}
