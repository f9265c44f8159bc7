import { onTestFinished } from "vitest";

type Json = Record<string, unknown>;

/** A scripted MCP server over HTTP, with sessions of the legacy revisions. */
export interface ScriptedHttp {
  url: string;
  port: number;
  /** Methods in the order in which they came, with the ids of sessions: `initialize`, `tools/call 1`. */
  seen: string[];
  /** The header `authorization` of each request. */
  keys: (string | null)[];
  /** Forgets all sessions, as a restart does. */
  forget(): void;
  /** Answers every request with this response, until it is unset. */
  answer: (() => Response) | undefined;
  /** The only value of the header `authorization` that is let in; all are if it is unset. */
  admits: string | undefined;
  /** Answers an unknown session with it; 404 if it is unset. */
  unknownSession: (() => Response) | undefined;
  /** Calls with the argument `waits` are answered after it. */
  held: Promise<void> | undefined;
  stop(): Promise<void>;
}

/** Starts it on a free port, or on a given one. It ends with the test. */
export function scriptedHttp({ port = 0 }: { port?: number } = {}): ScriptedHttp {
  let sessions = new Set<string>();
  let next = 1;
  const scripted: Omit<ScriptedHttp, "url" | "port" | "stop"> = {
    seen: [],
    keys: [],
    forget: () => {
      sessions = new Set();
    },
    answer: undefined,
    admits: undefined,
    unknownSession: undefined,
    held: undefined,
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    async fetch(request) {
      if (scripted.answer) return scripted.answer();
      if (request.method !== "POST") return new Response(null, { status: 405 });
      const key = request.headers.get("authorization");
      scripted.keys.push(key);
      if (scripted.admits !== undefined && key !== scripted.admits)
        return new Response("no", { status: 401 });
      const {
        id,
        method,
        params = {},
      } = (await request.json()) as { id?: number; method: string; params?: Json };
      const session = request.headers.get("mcp-session-id");
      scripted.seen.push(session ? `${method} ${session}` : method);
      const result = (value: Json, headers = {}) =>
        Response.json({ jsonrpc: "2.0", id, result: value }, { headers });
      if (method === "server/discover") return new Response("Bad Request: no session", { status: 400 });
      if (method === "initialize") {
        const opened = `${next++}`;
        sessions.add(opened);
        const facts = {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "http" },
        };
        return result(facts, { "mcp-session-id": opened });
      }
      if (!sessions.has(session ?? ""))
        return scripted.unknownSession?.() ?? new Response("Session not found", { status: 404 });
      if (id === undefined) return new Response(null, { status: 202 });
      if (method === "tools/list")
        return result({ tools: [{ name: "where", inputSchema: { type: "object" } }] });
      const { waits, refusal } = (params["arguments"] ?? {}) as { waits?: boolean; refusal?: string };
      if (waits) await scripted.held;
      if (refusal !== undefined)
        return Response.json({ jsonrpc: "2.0", id, error: { code: -32_000, message: refusal } });
      return result({ content: [{ type: "text", text: `session ${session} ${String(params["name"])}` }] });
    },
  });
  onTestFinished(() => server.stop(true));
  return Object.assign(scripted, {
    url: `http://127.0.0.1:${server.port}/mcp`,
    port: server.port!,
    stop: () => server.stop(true),
  });
}

/** Starts a scripted MCP server of the oldest revision: one stream of events, and a POST for each message. */
export function scriptedSse({ endpoint = "/messages?session=1" }: { endpoint?: string } = {}): {
  url: string;
  posts: string[];
  /** Ends the stream. */
  drop(): void;
  /** Forgets the session, whose stream stays open: messages are refused with a status. */
  forget(status: number): void;
} {
  const posts: string[] = [];
  let refusal: number | undefined;
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const send = (event: string, data: string) =>
    stream!.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${data}\n\n`));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "GET" && pathname === "/sse") {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            stream = controller;
            refusal = undefined;
            send("endpoint", endpoint);
          },
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      }
      if (request.method !== "POST" || pathname !== "/messages") return new Response(null, { status: 405 });
      if (refusal !== undefined) return new Response("Session not found", { status: refusal });
      const { id, method, params } = (await request.json()) as { id?: number; method: string; params?: Json };
      posts.push(method);
      const facts = {
        protocolVersion: "2024-11-05",
        capabilities: { tools: {} },
        serverInfo: { name: "sse" },
      };
      const results: Readonly<Record<string, Json>> = {
        initialize: facts,
        "tools/list": { tools: [{ name: "old", inputSchema: { type: "object" } }] },
        "tools/call": { content: [{ type: "text", text: JSON.stringify(params?.["arguments"]) }] },
      };
      const result = results[method];
      if (id !== undefined && result) send("message", JSON.stringify({ jsonrpc: "2.0", id, result }));
      return new Response("Accepted", { status: 202 });
    },
  });
  onTestFinished(() => server.stop(true));
  return {
    url: `http://127.0.0.1:${server.port}/sse`,
    posts,
    drop: () => stream!.close(),
    forget: (status) => (refusal = status),
  };
}
