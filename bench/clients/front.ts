import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A request of a client, and what mcpctl answered. */
export interface Exchange {
  method: string;
  path: string;
  body: string;
  status: number;
  /** The start of the answer, where it is an error. */
  error?: string;
}

export interface Front {
  url: string;
  exchanges: Exchange[];
  /** True to take the ids of MCP sessions out of responses, as some proxies do. */
  dropsSessions: boolean;
  stop(): void;
}

/** Starts a proxy between a client and mcpctl that keeps what passes. It is transparent but for the host. */
export function startFront(target: string): Front {
  const exchanges: Exchange[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const bytes = await request.arrayBuffer();
      const headers = new Headers(request.headers);
      headers.delete("host");
      headers.delete("content-length");
      const exchange: Exchange = {
        method: request.method,
        path: pathname + search,
        body: new TextDecoder().decode(bytes),
        status: 0,
      };
      exchanges.push(exchange);
      const response = await fetch(target + pathname + search, {
        method: request.method,
        headers,
        ...(bytes.byteLength > 0 && { body: bytes }),
        signal: request.signal,
        redirect: "manual",
        decompress: false,
        timeout: false,
      } as RequestInit);
      exchange.status = response.status;
      const responseHeaders = new Headers(response.headers);
      if (front.dropsSessions) responseHeaders.delete("mcp-session-id");
      if (response.status < 400)
        return new Response(response.body, { status: response.status, headers: responseHeaders });
      const text = await response.text();
      exchange.error = text.slice(0, 300);
      return new Response(text, { status: response.status, headers: response.headers });
    },
    error: () => new Response(null, { status: 502 }),
  });
  const front: Front = {
    url: `http://127.0.0.1:${server.port}`,
    exchanges,
    dropsSessions: false,
    stop: () => void server.stop(true),
  };
  return front;
}

/** Writes what a client sent into a folder, one file a request. */
export function writeExchanges(folder: string, exchanges: readonly Exchange[]): void {
  mkdirSync(folder, { recursive: true });
  for (const [i, { method, path, body, status, error }] of exchanges.entries()) {
    const file = join(folder, `${String(i + 1).padStart(2, "0")}.json`);
    const parsed: unknown = body.startsWith("{") ? JSON.parse(body) : body;
    writeFileSync(file, `${JSON.stringify({ method, path, status, error, body: parsed }, null, 2)}\n`);
  }
}
