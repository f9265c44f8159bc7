/**
 * An MCP server of a legacy revision over standard input and output. `bun mcp-stdio-server.ts`: its tool `echo` returns
 * the field `text`, `pid` the id of its process, `slow` reports progress and then waits for as many milliseconds as it
 * is told, and `broken` breaks the promise of its output schema.
 */
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

const text = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
const tools = [
  { name: "echo", description: "Return a text", inputSchema: text, annotations: { readOnlyHint: true } },
  { name: "pid", description: "Return the id of the process", inputSchema: { type: "object" } },
  {
    name: "slow",
    description: "Wait",
    inputSchema: { type: "object", properties: { milliseconds: { type: "number" } } },
  },
  {
    name: "broken",
    description: "Return a wrong thing",
    inputSchema: { type: "object" },
    outputSchema: text,
  },
];

interface Request {
  id?: number;
  method: string;
  params?: { name?: string; arguments?: Record<string, unknown>; _meta?: { progressToken?: unknown } };
}

async function call({ params }: Request): Promise<object> {
  const said = (value: unknown) => ({ content: [{ type: "text", text: String(value) }] });
  const given = params?.arguments ?? {};
  if (params?.name === "echo") return said(given["text"]);
  if (params?.name === "pid") return said(process.pid);
  if (params?.name === "broken") return { ...said("broken"), structuredContent: { text: 1 } };
  const { progressToken } = params?._meta ?? {};
  if (progressToken !== undefined)
    send({ method: "notifications/progress", params: { progressToken, progress: 1 } });
  await Bun.sleep(Number(given["milliseconds"] ?? 0));
  return said("waited");
}

async function answer(request: Request): Promise<void> {
  const { id, method } = request;
  if (id === undefined) return;
  if (method === "initialize") {
    const serverInfo = { name: "test", version: "1.0.0" };
    send({ id, result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo } });
  } else if (method === "tools/list") send({ id, result: { tools } });
  else if (method === "tools/call") send({ id, result: await call(request) });
  else if (method === "ping") send({ id, result: {} });
  else send({ id, error: { code: -32601, message: "unknown method" } });
}

for await (const line of console) void answer(JSON.parse(line));
