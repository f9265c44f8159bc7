import { onTestFinished } from "vitest";
import { adapterFor } from "../../../src/adapters/index.ts";
import type { ProviderConfig } from "../../../src/agent/core/config.ts";
import type { LocalProvider, Providers } from "../../../src/agent/core/provider.ts";
import { openLocalEndpoint } from "../../../src/agent/endpoint/local-endpoint.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { operations } from "../../../src/wire/dialects/operations.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  lastChunk,
  reply,
  type Script,
  streamHead,
  type Upstream,
  upstream,
} from "../../support/upstream.ts";

/** A provider that is down. */
export const down: Script = (_, connection) => connection.write(reply(503, { error: { message: "down" } }));
/** The model of this machine. */
export const local: Script = (asked, connection) => {
  if (!asked.body?.stream) return connection.write(reply(200, chatAnswer("from this machine")));
  connection.write(streamHead);
  for (const frame of chatFrames(["from ", "here"], false)) connection.write(chunk(frame));
  connection.write(lastChunk);
};
export const question = { model: "gpt", messages: [{ role: "user", content: "hi" }] };

interface Setup {
  server: TestServer;
  /** URL of the endpoint, with `/v1`. */
  url: string;
  /** The provider of the server's llm `gpt`. */
  remote: Upstream;
  /** The server of the local provider. */
  nearby: Upstream;
  logged: string[];
  bearer: string;
  ask(body?: object, headers?: Record<string, string>): Promise<Response>;
}

/** Starts a server with an llm, and an endpoint with a local provider for its failover. */
export async function testProviders(
  script: Script,
  options: {
    nearby?: Script;
    grants?: object[];
    config?: Partial<ProviderConfig>;
    through?: string;
    limits?: { maxRequests?: number; idleSeconds?: number };
  } = {},
): Promise<Setup> {
  const server = await testServer();
  const [remote, nearby] = [upstream(script), upstream(options.nearby ?? local)];
  const llm = { name: "gpt", type: "openai", model: "up", url: remote.url };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const grants = options.grants ?? [
    { role: "run", resource: "llms" },
    { role: "view", resource: "llms" },
  ];
  const { bearer } = await server.token("t", grants);
  const outbound = createOutbound();
  const logged: string[] = [];
  const provider = providerAt(nearby.url, { failoverFor: "gpt", ...options.config }, outbound);
  const endpoint = openLocalEndpoint({
    listen: { hostname: "127.0.0.1", port: 0 },
    server: options.through ?? server.url,
    providers: { all: [provider] } as unknown as Providers,
    outbound,
    log: (line) => logged.push(line),
    ...options.limits,
  });
  onTestFinished(async () => {
    await endpoint.close();
    outbound.close();
  });
  const ask: Setup["ask"] = (body = {}, headers = { authorization: `Bearer ${bearer}` }) =>
    fetch(`${endpoint.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ ...question, ...body }),
    });
  return { server, url: endpoint.url, remote, nearby, logged, bearer, ask };
}

function providerAt(url: string, more: Partial<ProviderConfig>, outbound: ReturnType<typeof createOutbound>) {
  const config: ProviderConfig = { name: "desk", type: "vllm", model: "qwen", publish: false, ...more };
  const adapter = adapterFor(config.type)!;
  return {
    config,
    runtime: { state: "active", enter: () => () => {} },
    call: (_operation: string, body: string, signal: AbortSignal) =>
      outbound(new URL(operations[adapter.dialect].path, url), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        signal,
        timeouts: { connect: 60_000, firstByte: 60_000, silence: 60_000 },
      }),
  } as unknown as LocalProvider;
}
