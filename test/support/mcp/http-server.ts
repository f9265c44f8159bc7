import { atEnd } from "../shared.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

/** One request that a scripted MCP server received, with the means to answer it. */
export interface ScriptedCall {
  method: string;
  params: Json;
  headers: Headers;
  /** Aborts when the caller has cancelled the request or has gone. */
  signal: AbortSignal;
  /** Sends a notification that belongs to the request. */
  notify(method: string, params: object): void;
  /** Asks the client (legacy servers only). Rejects with its error. */
  ask(method: string, params: object): Promise<Json>;
}

/** Answers a request. A thrown object with `code` and `message` is an error of JSON-RPC. */
export type Script = (call: ScriptedCall) => unknown;

export interface ScriptedMcp {
  url: string;
  /** All requests and notifications so far, in order. */
  seen: ScriptedCall[];
  /** The calls of a method so far. */
  of(method: string): ScriptedCall[];
  /** Sends a notification that belongs to no request, to all who hold a stream. */
  broadcast(method: string, params?: object): void;
  /** True if somebody holds such a stream. */
  hasStream(): boolean;
}

const encoder = new TextEncoder();

/** Starts an MCP server over streamable HTTP that speaks one era and answers by script. */
export function scriptedMcp(
  era: "legacy" | "modern",
  script: Record<string, Script>,
  { capabilities = { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {} } } = {},
): ScriptedMcp {
  const seen: ScriptedCall[] = [];
  const streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const asked = new Map<string, PromiseWithResolvers<Json>>();
  const running = new Map<unknown, AbortController>();
  let sessions = 0;
  let questions = 0;
  const facts = { capabilities, serverInfo: { name: "scripted", version: "1" } };
  const own: Record<string, Script> =
    era === "legacy"
      ? {
          initialize: ({ params }) => ({ protocolVersion: params.protocolVersion, ...facts }),
          ping: () => ({}),
        }
      : {
          "server/discover": () => ({
            supportedVersions: ["2026-07-28"],
            ...facts,
            ttlMs: 0,
            cacheScope: "private",
          }),
        };
  const empty: Record<string, Script> = {
    "tools/list": () => ({ tools: [] }),
    "prompts/list": () => ({ prompts: [] }),
    "resources/list": () => ({ resources: [] }),
    "resources/templates/list": () => ({ resourceTemplates: [] }),
  };
  const scripts = { ...empty, ...own, ...script };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      if (request.method === "GET")
        return era === "legacy" ? stream(streams) : new Response(null, { status: 405 });
      if (request.method !== "POST") return new Response(null, { status: 204 });
      const message: Json = await request.json();
      const { id, method, params = {} } = message;
      if (method === undefined) {
        const waiting = asked.get(id);
        if (message.error) waiting?.reject(message.error);
        else waiting?.resolve(message.result);
        return new Response(null, { status: 202 });
      }
      const gone = new AbortController();
      request.signal.addEventListener("abort", () => gone.abort());
      const body = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
      const response = new ReadableStream<Uint8Array>({
        start: (controller) => body.resolve(controller),
        cancel: () => gone.abort(),
      });
      const out = await body.promise;
      const send = (one: object) => {
        if (!gone.signal.aborted)
          out.enqueue(encoder.encode(`data: ${JSON.stringify({ jsonrpc: "2.0", ...one })}\n\n`));
      };
      const call: ScriptedCall = {
        method,
        params,
        headers: request.headers,
        signal: gone.signal,
        notify: (name, fields) => send({ method: name, params: fields }),
        ask(name, fields) {
          const question = `q${++questions}`;
          const waiting = Promise.withResolvers<Json>();
          asked.set(question, waiting);
          send({ id: question, method: name, params: fields });
          return waiting.promise;
        },
      };
      seen.push(call);
      if (id === undefined) {
        if (method === "notifications/cancelled") running.get(params.requestId)?.abort();
        return new Response(null, { status: 202 });
      }
      running.set(id, gone);
      const answer = async () => {
        try {
          const found = scripts[method];
          if (!found) throw { code: -32601, message: "Method not found" };
          return { id, result: (await found(call)) as object };
        } catch (error) {
          return { id, error };
        }
      };
      void answer().then((one) => {
        send(one);
        if (!gone.signal.aborted) out.close();
      });
      const session = method === "initialize" ? { "mcp-session-id": `s${++sessions}` } : undefined;
      return new Response(response, { headers: { "content-type": "text/event-stream", ...session } });
    },
  });
  atEnd(() => server.stop(true));
  return {
    url: `http://127.0.0.1:${server.port}/mcp`,
    seen,
    of: (method) => seen.filter((call) => call.method === method),
    hasStream: () => streams.size > 0,
    broadcast(method, params = {}) {
      for (const one of streams)
        one.enqueue(encoder.encode(`data: ${JSON.stringify({ jsonrpc: "2.0", method, params })}\n\n`));
    },
  };
}

function stream(streams: Set<ReadableStreamDefaultController<Uint8Array>>): Response {
  let own: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      own = controller;
      streams.add(controller);
      controller.enqueue(encoder.encode(":\n\n"));
    },
    cancel: () => void streams.delete(own),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** A tool as servers list it. */
export function tool(name: string, more: object = {}): object {
  return { name, inputSchema: { type: "object" }, ...more };
}

/** A result with one text. */
export function said(text: string): { content: object[] } {
  return { content: [{ type: "text", text }] };
}
