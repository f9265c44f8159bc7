import { join } from "node:path";
import { installed } from "./peers.ts";
import { freePort, type Processes, type Started } from "./processes.ts";

/** A gateway for MCP from npm, at the version that the figures are about. It puts HTTP before one server over stdio. */
const peer = { package: "mcp-proxy", version: "6.7.19" };

/** A gateway that was started. */
export interface McpPeer {
  name: string;
  started: Started;
  headers: Readonly<Record<string, string>>;
}

/** Installs the gateway if it is missing, and starts it under Bun before a server. It checks a key, as mcpctl does. */
export async function startMcpPeer(processes: Processes, command: readonly string[]): Promise<McpPeer> {
  const folder = await installed([`${peer.package}@${peer.version}`]);
  const port = freePort();
  const key = "bench-key-0123456789";
  const program = join(folder, "node_modules", peer.package, "dist/bin/mcp-proxy.mjs");
  const options = ["--host", "127.0.0.1", "--port", String(port), "--server", "stream", "--apiKey", key];
  const started = await processes.startServer(
    peer.package,
    [process.execPath, program, ...options, "--", ...command],
    port,
  );
  return { name: `${peer.package} ${peer.version} on Bun`, started, headers: { "x-api-key": key } };
}
