import { isObject, type JsonObject } from "../messages.ts";
import { list, number, object, string, withUsable } from "./fields.ts";

/** The fields that every entry may have. */
const common = {
  annotations: object({ audience: list(string), priority: number, lastModified: string }),
  _meta: object(),
};

/** The types of data that entries without one are taken for. */
const defaults: Readonly<Record<string, string>> = { image: "image/png", audio: "audio/wav" };

/** The longest string of an entry that is shown as text because no client can read it. */
const longestString = 2000;

/**
 * Returns an entry of content as clients can read it; undefined if nothing is in it. Clients know five types
 * (https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result), and throw the whole result away
 * for another one, or for one without a field that it must have (failure mode 240). Such an entry becomes one of the
 * five that says the same: a text, an image, a resource with the data, a link, or else its JSON.
 *
 * @returns the same object if nothing has to be changed
 */
export function contentEntry(entry: unknown): JsonObject | undefined {
  if (entry === null || entry === undefined) return undefined;
  if (!isObject(entry)) return textEntry(writtenText(entry));
  return withUsable(knownEntry(entry) ?? otherEntry(entry), common);
}

/** Returns an entry of a type that clients know; undefined if it is none, or lacks what it must have. */
function knownEntry(entry: JsonObject): JsonObject | undefined {
  const { type, text, data, mimeType, resource, uri, name } = entry;
  switch (type) {
    case "text":
      return typeof text === "string" ? entry : { ...entry, text: writtenText(text) };
    case "image":
    case "audio":
      if (typeof data !== "string") return undefined;
      return typeof mimeType === "string" ? entry : { ...entry, mimeType: defaults[type] };
    case "resource":
      return isObject(resource) && typeof resource["uri"] === "string"
        ? withResource(entry, resource)
        : undefined;
    case "resource_link":
      if (typeof uri !== "string") return undefined;
      return typeof name === "string" ? linkOf(entry) : linkOf({ ...entry, name: uri });
    default:
      return undefined;
  }
}

function withResource(entry: JsonObject, resource: JsonObject): JsonObject {
  const usable = withUsable(resource, { mimeType: string, _meta: object() });
  const { text, blob } = usable;
  if (typeof text === "string" || typeof blob === "string")
    return usable === resource ? entry : { ...entry, resource: usable };
  return { ...entry, resource: { ...usable, text: writtenText(text) } };
}

function linkOf(entry: JsonObject): JsonObject {
  return withUsable(entry, { title: string, description: string, mimeType: string, size: number });
}

/** Returns an entry of another type as one that clients know. */
function otherEntry(entry: JsonObject): JsonObject {
  const { type, text, name } = entry;
  // Without a type, or with that of another dialect such as `output_text`, it is still a text.
  if (typeof text === "string" || (typeof type !== "string" && text !== undefined))
    return { ...entry, type: "text", text: writtenText(text) };
  const { data, mimeType } = dataOf(entry);
  if (data !== undefined) {
    if (/^(?:image|audio)\//.test(mimeType)) return { type: mimeType.split("/")[0], data, mimeType };
    return { type: "resource", resource: { uri: `data:${mimeType}`, mimeType, blob: data } };
  }
  const uri = uriOf(entry);
  if (uri !== undefined && Object.keys(entry).every((key) => linkFields.has(key)))
    return linkOf({ ...entry, type: "resource_link", uri, name: typeof name === "string" ? name : uri });
  return textEntry(JSON.stringify(entry, shortStrings));
}

const linkFields = new Set([
  ...[
    "type",
    "uri",
    "url",
    "name",
    "title",
    "description",
    "mimeType",
    "size",
    "annotations",
    "_meta",
    "icons",
  ],
]);

/** Returns the data of an entry in base64, in the forms that MCP and the dialects of models have for it. */
function dataOf(entry: JsonObject): { data?: string; mimeType: string } {
  const { source, image_url: imageUrl, mimeType } = entry;
  const url = isObject(imageUrl) ? imageUrl["url"] : imageUrl;
  const [, inUrl, ofUrl] =
    /^data:([\w.+-]+\/[\w.+-]+);base64,(.*)$/s.exec(typeof url === "string" ? url : "") ?? [];
  if (inUrl !== undefined && ofUrl !== undefined) return { data: ofUrl, mimeType: inUrl };
  const holder = isObject(source) ? source : entry;
  const data = holder["data"] ?? holder["blob"];
  const type = mimeType ?? holder["media_type"] ?? holder["mime_type"];
  const isNamed = typeof type === "string" && /^[\w.+-]+\/[\w.+-]+$/.test(type);
  if (typeof data !== "string" || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return { mimeType: "" };
  if (!isNamed && !["video", "file", "document"].includes(String(entry["type"]))) return { mimeType: "" };
  return { data, mimeType: isNamed ? type : "application/octet-stream" };
}

function uriOf({ uri, url }: JsonObject): string | undefined {
  const found = uri ?? url;
  return typeof found === "string" && /^[a-z][a-z0-9+.-]*:/i.test(found) ? found : undefined;
}

/** Cuts long strings: what cannot be shown otherwise is there to be recognised. */
function shortStrings(_key: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= longestString) return value;
  return `${value.slice(0, longestString)}… (${value.length} characters)`;
}

/** Returns a text as an entry. */
export function textEntry(text: string): JsonObject {
  return { type: "text", text };
}

/** Returns a value as text. */
export function writtenText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
