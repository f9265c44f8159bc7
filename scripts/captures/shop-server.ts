import { createInterface } from "node:readline";

/** An MCP server over standard input and output with the tools of a small shop, for the capture of the console. */
const tool = (name: string, description: string, properties: object, required: string[] = []) => ({
  ...{ name, description },
  inputSchema: { type: "object", properties, required },
});
const text = { type: "string" };
const tools = [
  tool("find_order", "Find an order by its number", { number: text }, ["number"]),
  tool("list_orders", "List the orders of a customer", { customer: text, open: { type: "boolean" } }, [
    "customer",
  ]),
  tool("refund_order", "Refund an order", { number: text, reason: text }, ["number", "reason"]),
  tool("search_products", "Search the products by words", { query: text }, ["query"]),
  tool("stock_of", "Tell how many pieces of a product are in stock", { product: text }, ["product"]),
];

const results: Readonly<Record<string, unknown>> = {
  initialize: {
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "shop", version: "1" },
  },
  "tools/list": { tools },
  "tools/call": { content: [{ type: "text", text: "Order 1042: 2 mugs, paid, not sent yet" }] },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line) as { id?: number; method: string };
  if (id === undefined) continue;
  const result = results[method];
  const answer = result ? { result } : { error: { code: -32601, message: "Method not found" } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
}
