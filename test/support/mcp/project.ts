import { Client, type ClientCapabilities, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";
import type { ServerOptions } from "../../../src/server/options.ts";
import { pauses } from "../pauses.ts";
import { type Answer, must, type TestServer, testServer } from "../server.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

export type Era = "legacy" | "modern";

/** A project with MCP servers, and the means to use it as MCP clients do. */
export interface TestProject extends TestServer {
  endpoint: string;
  /** The bearer of a token that may run the project. */
  bearer: string;
  /** Makes an MCP server at a URL, attaches it, and returns when it is listed. */
  attach(name: string, url: string, spec?: object): Promise<void>;
  /** Connects an official client. `prepare` adds its handlers before it connects. */
  client(era: Era, options?: ClientSetup): Promise<Client>;
  /** Posts one message as it is. */
  post(message: unknown, options?: PostOptions): Promise<Answer>;
  /** Posts a request of the modern era with the headers and the envelope that it needs. */
  modern(method: string, params?: Json, options?: PostOptions & { capabilities?: object }): Promise<Answer>;
  /** Begins a session and returns the headers of its requests. */
  session(
    options?: PostOptions & { capabilities?: object; revision?: string; clientInfo?: object },
  ): Promise<Record<string, string>>;
  /** The events of calls in the audit log, the newest first. */
  audited(): Promise<Json[]>;
}

export interface ClientSetup {
  capabilities?: ClientCapabilities;
  bearer?: string;
  prepare?(client: Client): void;
}

export interface PostOptions {
  bearer?: string | undefined;
  headers?: Record<string, string>;
  project?: string;
}

const accept = "application/json, text/event-stream";

/** Starts a server with the project `p`, which passes everything on as it is. */
export async function testProject(
  options: Partial<ServerOptions> = {},
  spec: object = {},
): Promise<TestProject> {
  const server = await testServer(options);
  const { admin } = server;
  await must(admin("POST", "/api/v1/projects", { name: "p", proxyModel: "none", ...spec }));
  const { bearer } = await server.token("client", [{ role: "run", resource: "projects" }]);
  const endpoint = `${server.url}/projects/p/mcp`;
  const post: TestProject["post"] = (message, { headers, project = "p", ...rest } = {}) =>
    server.as("bearer" in rest ? rest.bearer : bearer)("POST", `/projects/${project}/mcp`, message, {
      accept,
      ...headers,
    });
  return {
    ...server,
    endpoint,
    bearer,
    post,
    async attach(name, url, more = {}) {
      await must(admin("POST", "/api/v1/servers", { name, url, ...more }));
      const { body } = await admin("GET", "/api/v1/projects/p");
      await must(admin("PUT", "/api/v1/projects/p", { ...body, servers: [...body.servers, name] }));
      await listed(server, name);
    },
    async client(era, { capabilities = {}, bearer: own = bearer, prepare } = {}) {
      const client = new Client(
        { name: "test", version: "1" },
        { capabilities, versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: "2026-07-28" } } },
      );
      prepare?.(client);
      const headers = { authorization: `Bearer ${own}` };
      await client.connect(
        new StreamableHTTPClientTransport(new URL(endpoint), { requestInit: { headers } }),
      );
      onTestFinished(() => client.close());
      return client;
    },
    modern(method, params = {}, { capabilities = {}, headers, ...rest } = {}) {
      const { _meta: meta, ...own } = params;
      const name = own.name ?? own.uri ?? own.taskId;
      const envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        ...meta,
      };
      return post(
        { jsonrpc: "2.0", id: 1, method, params: { ...own, _meta: envelope } },
        {
          ...rest,
          headers: {
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": method,
            ...(name !== undefined && { "mcp-name": name }),
            ...headers,
          },
        },
      );
    },
    async session({
      capabilities = {},
      revision = "2025-11-25",
      clientInfo = { name: "test", version: "1" },
      ...rest
    } = {}) {
      const params = { protocolVersion: revision, capabilities, clientInfo };
      const { headers } = await must(post({ jsonrpc: "2.0", id: 0, method: "initialize", params }, rest));
      const session = { "mcp-session-id": headers.get("mcp-session-id")!, "mcp-protocol-version": revision };
      await post({ jsonrpc: "2.0", method: "notifications/initialized" }, { ...rest, headers: session });
      return session;
    },
    audited: async () => (await must(admin("GET", "/api/v1/audit?action=mcp_call"))).body,
  };
}

/** Returns when a server has been listed. */
async function listed({ admin }: TestServer, name: string): Promise<void> {
  const end = performance.now() + 60_000;
  const pause = pauses(10);
  while ((await admin("GET", `/api/v1/servers/${name}`)).body.listedAt === null) {
    if (performance.now() > end) throw new Error(`server ${name} was not listed`);
    await pause();
  }
}

/** The messages of an answer: its JSON, or the events of its stream. */
export function messagesOf({ text, body }: Answer): Json[] {
  if (body !== undefined) return [body];
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)));
}
