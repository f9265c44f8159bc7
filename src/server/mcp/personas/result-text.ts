import { isObject, type JsonObject } from "../../../mcp/messages.ts";

/** Returns the result of a tool as text for a model. Images and the like are named only. */
export function resultText({ content, structuredContent }: JsonObject): string {
  const parts = (Array.isArray(content) ? content : []).filter(isObject).map(partText);
  if (parts.length > 0) return parts.join("\n");
  return structuredContent === undefined ? "" : JSON.stringify(structuredContent);
}

function partText({ type, text, resource, uri, name, mimeType, data }: JsonObject): string {
  if (type === "text") return String(text);
  if (type === "resource" && isObject(resource)) {
    if (typeof resource["text"] === "string") return resource["text"];
    return `[resource ${String(resource["uri"])}, ${String(resource["mimeType"] ?? "binary")}]`;
  }
  if (type === "resource_link") return `[resource ${String(uri)}: ${String(name ?? "")}]`;
  const size = typeof data === "string" ? `, ${Math.floor((data.length * 3) / 4)} bytes` : "";
  return `[${String(type)} ${String(mimeType ?? "")}${size}]`;
}
