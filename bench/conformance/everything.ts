/**
 * An MCP server over stdio with all that the scenarios of the conformance suite call by name. It is a program of its own:
 * `bun everything.ts modern|legacy`. The suite's own example server is not in its package.
 */
import { randomBytes } from "node:crypto";
import {
  createRequestStateCodec,
  type McpRequestContext,
  ResourceNotFoundError,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { getPrompt, prompts } from "./everything-prompts.ts";
import { readResource, resources, templates } from "./everything-resources.ts";
import { callTool, tools } from "./everything-tools.ts";

/** The state between the rounds of one call. A client that changes it is refused. */
const states = createRequestStateCodec<{ round: number; name?: string }>({ key: randomBytes(32) });

function makeServer(isModern: boolean): Server {
  /** Entries that come and go, so that lists change. */
  const extra = { tool: false, prompt: false };
  const server = new Server(
    { name: "everything", version: "1.0.0" },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
        logging: {},
      },
      requestState: { verify: states.verify },
    },
  );
  server.setRequestHandler("tools/list", () => ({
    tools: [...tools, ...(extra.tool ? [{ ...tools[0]!, name: "test_extra" }] : [])],
  }));
  server.setRequestHandler("tools/call", async ({ params }, context: ServerContext) => {
    if (params.name === "test_trigger_tool_change") {
      extra.tool = !extra.tool;
      await server.sendToolListChanged();
    }
    if (params.name === "test_trigger_prompt_change") {
      extra.prompt = !extra.prompt;
      await server.sendPromptListChanged();
    }
    return callTool(params.name, params.arguments ?? {}, context, states);
  });
  server.setRequestHandler("prompts/list", () => ({
    prompts: [
      ...prompts,
      ...(extra.prompt ? [{ name: "test_extra", description: "It comes and goes" }] : []),
    ],
  }));
  server.setRequestHandler("prompts/get", ({ params }, context) =>
    getPrompt(params.name, params.arguments ?? {}, context),
  );
  server.setRequestHandler("resources/list", () => ({ resources }));
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: templates }));
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    const contents = readResource(uri);
    if (!contents) throw new ResourceNotFoundError(uri);
    return { contents: [contents] };
  });
  server.setRequestHandler("completion/complete", () => ({
    completion: { values: ["paris", "park"], total: 2, hasMore: false },
  }));
  if (!isModern) {
    server.setRequestHandler("resources/subscribe", () => ({}));
    server.setRequestHandler("resources/unsubscribe", () => ({}));
  }
  return server;
}

if (process.argv[2] === "modern")
  serveStdio(({ era }: McpRequestContext) => makeServer(era === "modern"), { legacy: "reject" });
else await makeServer(false).connect(new StdioServerTransport());
