/**
 * An MCP server as people write them, with the official SDK. Takes `SdkProgramOptions` as JSON in its only argument. With a
 * port it speaks streamable HTTP, otherwise through its standard input and output.
 */
import { createMcpHandler, Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { longText, longTool } from "./mcp-long-results.ts";

export interface SdkProgramOptions {
  /** The name of its tool, which returns its argument `nonce`, or for `longTool` 5 MB. */
  tool: string;
  port?: number;
}

const { tool, port } = JSON.parse(process.argv[2]!) as SdkProgramOptions;
const long = tool === longTool ? longText() : undefined;
const inputSchema = { type: "object" as const, properties: { nonce: { type: "string" } } };

function make(): Server {
  const server = new Server({ name: "bench", version: "1.0.0" }, { capabilities: { tools: {} } });
  server.setRequestHandler("tools/list", () => ({
    tools: [{ name: tool, description: "Return the nonce", inputSchema }],
  }));
  server.setRequestHandler("tools/call", ({ params }) => ({
    content: [{ type: "text" as const, text: long ?? String(params.arguments?.["nonce"]) }],
  }));
  return server;
}

if (port === undefined) serveStdio(make);
else {
  const handler = createMcpHandler(make);
  Bun.serve({ hostname: "127.0.0.1", port, idleTimeout: 0, fetch: (request) => handler.fetch(request) });
}
