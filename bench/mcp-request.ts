/** The requests of MCP that go over the wire, of the revision that has no sessions. */

const revision = "2026-07-28";

const meta = {
  "io.modelcontextprotocol/protocolVersion": revision,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1.0.0" },
};

/** A text of about 120 bytes, which the tool returns. */
export const nonce =
  "A tool takes arguments and gives a result; the one who asks should not notice that somebody stands in between.";

export interface McpRequest {
  port: number;
  path: string;
  method: "tools/call" | "tools/list";
  /** Of a tool. */
  name?: string;
  headers?: Readonly<Record<string, string>>;
}

/** Returns a message of JSON-RPC for a server that speaks this revision. */
export function mcpMessage(id: number, method: string, name?: string): object {
  const call = name === undefined ? {} : { name, arguments: { nonce } };
  return { jsonrpc: "2.0", id, method, params: { ...call, _meta: meta } };
}

/** Returns a whole HTTP request with a message, on a connection that is kept. */
export function mcpRequest({ port, path, method, name, headers = {} }: McpRequest): string {
  const body = JSON.stringify(mcpMessage(1, method, name));
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    "accept: application/json, text/event-stream",
    `mcp-protocol-version: ${revision}`,
    `mcp-method: ${method}`,
    ...(name === undefined ? [] : [`mcp-name: ${name}`]),
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([key, value]) => `${key}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
