import { AppError } from "../../errors.ts";
import { defineVerb } from "../core/command.ts";
import { McpBridge } from "./mcp/bridge.ts";

export const mcp = defineVerb({
  meta: {
    name: "mcp",
    description: "Serve a project to an MCP client that starts programs",
    about: `MCP clients that can only start a program, and know no URLs, start this one. It speaks MCP on its standard input
      and output, passes each message on to the project's endpoint at the server, and adds nothing but the token. It ends
      when its input ends.

      The server and the token are those of every verb: the current context, MCPCTL_SERVER and MCPCTL_TOKEN, or flags.`,
    usage: "-p PROJECT [flags]",
    examples: [
      ["mcpctl mcp -p website", "Serve the project website on standard input and output"],
      ["claude mcp add website -- mcpctl mcp -p website", "Let Claude Code start it"],
    ],
  },
  args: {},
  async run(_, context) {
    const { project } = context.flags;
    if (!project)
      throw new AppError("usage", "a project is required: -p NAME", {
        hint: "to see them: mcpctl get projects",
      });
    const bridge = new McpBridge({
      client: await context.client(),
      path: `/projects/${encodeURIComponent(project)}/mcp`,
      write: (line) => context.terminal.data(`${line}\n`),
      signal: context.signal,
    });
    await bridge.run(context.terminal.input());
    await context.terminal.drain();
  },
});
