import { nativeSignal } from "../../../end-signal.ts";
import { FetchedResponse } from "../../../mcp/upstream/fetched-response.ts";
import type { HttpServerOptions } from "../../../mcp/upstream/http-wire.ts";
import type { ApiClient } from "../../client/client.ts";

/** Returns the URL of a path at the server. Over a Unix socket the host does not matter. */
export function targetOf({ endpoint: { url } }: ApiClient, path: string): URL {
  return new URL(path, url.startsWith("unix:") ? "http://localhost" : url);
}

/** Sends the requests of a wire through the client of the command line: its token, its proxy, its Unix socket. */
export function outboundOf(client: Pick<ApiClient, "probe">, path: string): HttpServerOptions["outbound"] {
  return async (_, { method, headers, body, timeouts, signal }) => {
    const limit = AbortSignal.timeout(timeouts.firstByte);
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : undefined;
    const response = await client.probe(method, path, {
      headers,
      ...(bytes && { body: bytes }),
      signal: signal ? nativeSignal(signal, limit) : limit,
    });
    return new FetchedResponse(response);
  };
}
