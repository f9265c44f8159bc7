import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { Offer, Offered } from "../offers/offer.ts";

/** Returns the server of a resource: a listed one, or one whose template can make the URI. */
export function resourceAt(offer: Offer, uri: string): Pick<Offered, "server" | "original"> | undefined {
  const listedOne = offer.resources.get(uri);
  if (listedOne) return listedOne;
  let best: { start: string; server: McpServerRow; original: string } | undefined;
  for (const { name, original, server } of offer.resourceTemplates.values()) {
    // Everything before the first variable tells the server; the server itself knows the rest.
    const start = name.split("{")[0]!;
    if (uri.startsWith(start) && start.length > (best?.start.length ?? 0)) best = { start, server, original };
  }
  return (
    best && { server: best.server, original: best.original.split("{")[0]! + uri.slice(best.start.length) }
  );
}

/** Returns a result of a server with the URIs of resources as clients use them. */
export function withOfferedUris(result: JsonObject, { renamed }: Offer, server: McpServerRow): JsonObject {
  const names = renamed.get(server.id);
  if (!names) return result;
  const rename = (one: unknown): unknown => {
    if (!isObject(one)) return one;
    const { uri, resource } = one;
    if (isObject(resource)) return { ...one, resource: rename(resource) };
    return typeof uri === "string" && names.has(uri) ? { ...one, uri: names.get(uri) } : one;
  };
  const list = (value: unknown) => (Array.isArray(value) ? value.map(rename) : value);
  return {
    ...result,
    ...(result["content"] !== undefined && { content: list(result["content"]) }),
    ...(result["contents"] !== undefined && { contents: list(result["contents"]) }),
  };
}

/** Returns the result of a read with its URI as the client asked for it, and with what the modern era needs. */
export function readResult(result: JsonObject, uri: string, original: string): JsonObject {
  const { contents } = result;
  const renamed =
    uri !== original && Array.isArray(contents)
      ? contents.map((one) => (isObject(one) && one["uri"] === original ? { ...one, uri } : one))
      : contents;
  // Rights differ between callers, so no cache may keep it for others.
  const ttlMs = typeof result["ttlMs"] === "number" ? result["ttlMs"] : 0;
  return result["resultType"] === "complete"
    ? { ...result, contents: renamed, ttlMs, cacheScope: "private" }
    : result;
}
