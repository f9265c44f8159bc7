/**
 * The client of the suite's client leg: `bun client.ts URL`. It makes the suite's server an MCP server of a running
 * `mcpctl server`, connects to the project's endpoint as any client does, and does what the scenario asks for.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { create, remove, untilListed } from "../mcpctl.ts";
import { type Conversation, conversations, useAll } from "./conversations.ts";

const [url = ""] = process.argv.slice(2);
const {
  MCP_CONFORMANCE_SCENARIO: scenario = "",
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision = "",
  MCP_CONFORMANCE_CONTEXT: context = "{}",
  CONFORMANCE_SOCKET: socket = "",
  CONFORMANCE_URL: mcpctl = "",
  CONFORMANCE_BEARER: bearer = "",
} = process.env;

try {
  await converse(conversations[scenario] ?? useAll);
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function converse(conversation: Conversation): Promise<void> {
  const name = `c${process.pid}-${scenario.replaceAll(/[^a-z0-9]+/g, "-")}`.slice(0, 40).replace(/-$/, "");
  await create({ socket }, "servers", { name, url });
  await create({ socket }, "projects", { name, proxyModel: "none", servers: [name] });
  try {
    await untilListed({ socket }, name);
    await useProject(name, conversation);
  } finally {
    // The suite waits until nobody is connected to its server.
    await remove({ socket }, `projects/${name}`);
    await remove({ socket }, `servers/${name}`);
  }
}

async function useProject(name: string, conversation: Conversation): Promise<void> {
  const client = new Client(
    { name: "conformance", version: "1.0.0" },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
      versionNegotiation: { mode: revision === "2026-07-28" ? { pin: revision } : "legacy" },
    },
  );
  const transport = new StreamableHTTPClientTransport(new URL(`${mcpctl}/projects/${name}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${bearer}` } },
  });
  const toolCalls = (JSON.parse(context) as { toolCalls?: { name: string; arguments: object }[] }).toolCalls;
  await conversation(client, () => client.connect(transport), toolCalls ?? []);
  await client.close();
}
