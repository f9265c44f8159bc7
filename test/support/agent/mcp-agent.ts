import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createAgent } from "../../../src/agent/agent.ts";
import type { McpServerConfig } from "../../../src/agent/core/mcp-server.ts";
import { ManagedMcpServers } from "../../../src/agent/mcp/mcp-servers.ts";
import { createProviders } from "../../../src/agent/providers/providers.ts";
import { openSessionFile } from "../../../src/agent/session/session-file.ts";
import type { SocketConstructor } from "../../../src/agent/transports/websocket.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { launchHost } from "../../../src/processes/launch/prepare.ts";
import { systemTime } from "../../../src/time.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** A WebSocket that never opens, as behind a proxy that lets none through. */
class NoWebSocket extends WebSocket {
  constructor() {
    super("ws://127.0.0.1:1/");
  }
}

export const sockets = {
  websocket: WebSocket as unknown as SocketConstructor,
  sse: NoWebSocket as unknown as SocketConstructor,
};

/** Returns the config of a published MCP server: the scripted one of the tests, outside any sandbox. */
export function mcpConfig(name: string, more: Partial<McpServerConfig> = {}): McpServerConfig {
  const script = join(import.meta.dirname, "../mcp-stdio-server.ts");
  return {
    name,
    publish: true,
    source: { command: [process.execPath, script], args: [] },
    env: {},
    readable: [],
    writable: [],
    network: true,
    sandbox: "none",
    idleMinutes: 15,
    startSeconds: 30,
    ...more,
  };
}

export interface McpAgentOptions {
  url: string;
  bearer: string;
  servers: McpServerConfig[];
  transport?: keyof typeof sockets;
  home?: string;
}

/** Starts an agent that publishes MCP servers and no models. It ends when the test is over. */
export function mcpAgent({ url, bearer, servers, transport = "websocket", ...rest }: McpAgentOptions) {
  const home = rest.home ?? temporaryFolder();
  const logged: string[] = [];
  const note = (line: string) => void logged.push(line);
  const log = { info: note, warn: note, error: note, success: note };
  const outbound = createOutbound();
  const providers = createProviders({ outbound, home, env: {}, cwd: home, log, time: systemTime });
  const mcpServers = new ManagedMcpServers({
    host: launchHost(process.env),
    outbound,
    home,
    log,
    time: systemTime,
  });
  mcpServers.apply(servers);
  const agent = createAgent({
    endpoint: { url, token: () => bearer },
    providers,
    mcpServers,
    sessionFile: openSessionFile(home, log),
    fetch,
    WebSocket: sockets[transport],
    time: { ...systemTime, random: () => 0.02 },
    bootId: crypto.randomUUID(),
    log,
  });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  running.catch(() => {});
  const end = async () => {
    stop.abort();
    await running.catch(() => {});
    await agent.close();
  };
  onTestFinished(async () => {
    await end();
    outbound.close();
  });
  return { agent, mcpServers, logged, home, stop: end };
}
