/**
 * The client of the suite's client leg: `bun client.ts URL`. It makes the suite's server an MCP server of a running
 * `mcpctl server`, connects to the project's endpoint as any client does, and does what the scenario asks for.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { create, remove, untilListed, untilTried, wantsLogin } from "../mcpctl.ts";
import { type Conversation, conversations, useAll } from "./conversations.ts";
import { LoginRefused, logIn, unsafe } from "./login.ts";

const [url = ""] = process.argv.slice(2);
const {
  MCP_CONFORMANCE_SCENARIO: scenario = "",
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision = "",
  MCP_CONFORMANCE_CONTEXT: context = "{}",
  CONFORMANCE_SOCKET: socket = "",
  CONFORMANCE_URL: mcpctl = "",
  CONFORMANCE_BEARER: bearer = "",
  CONFORMANCE_COMMAND: command = "",
  HOME: home = "",
} = process.env;

/** The most logins of one scenario. */
const maxLogins = 3;

try {
  await converse(conversations[scenario] ?? useAll);
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function converse(conversation: Conversation): Promise<void> {
  const name = `c${process.pid}-${scenario.replaceAll(/[^a-z0-9]+/g, "-")}`.slice(0, 40).replace(/-$/, "");
  const oauth = await ownClient(name);
  await create({ socket }, "servers", { name, url, ...(oauth && { oauth }) });
  await create({ socket }, "projects", { name, servers: [name] });
  try {
    await withLogins(name, async () => {
      await untilListed({ socket }, name);
      await useProject(name, conversation);
    });
  } finally {
    // The suite waits until nobody is connected to its server.
    await remove({ socket }, `projects/${name}`);
    await remove({ socket }, `servers/${name}`);
    if (oauth) await remove({ socket }, `secrets/${name}`);
  }
}

/** The client that the suite has registered by hand, if it has; its secret is kept as one of mcpctl. */
async function ownClient(name: string): Promise<object | undefined> {
  const { client_id, client_secret, issuer } = JSON.parse(context) as Record<string, string>;
  if (client_id === undefined || client_secret === undefined) return undefined;
  await create({ socket }, "secrets", { name, data: { secret: client_secret } });
  return {
    clientId: client_id,
    clientSecretRef: { name, key: "secret" },
    ...(issuer !== undefined && { issuer }),
    ...(scenario.startsWith("auth/client-credentials") && { grant: "client_credentials" }),
  };
}

/** Does something with a server, and logs in each time that it wants a login. */
async function withLogins(name: string, use: () => Promise<void>): Promise<void> {
  for (let logins = 0; ; logins++) {
    try {
      return await use();
    } catch (error) {
      // A server that refuses whatever scopes somebody has is given up.
      if (scenario === "auth/scope-retry-limit" && logins > 0) return;
      if (logins === maxLogins || !(await wantsLogin({ socket }, name))) throw error;
    }
    try {
      await logIn(name, { command: command.split(" "), socket, home });
    } catch (error) {
      if (error instanceof LoginRefused && unsafe.has(scenario)) return;
      throw error;
    }
    if (unsafe.has(scenario)) throw new Error("a login was accepted that is not safe");
    await untilTried({ socket }, name);
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
