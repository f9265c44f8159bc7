import { defineGroup } from "../core/command.ts";

export const test = defineGroup(
  {
    name: "test",
    description: "Test what a server offers, as a program would use it",
    about: `Each test prints a line for each step and exits with 0 if all is well, so that it can stand in a script.`,
    examples: [["mcpctl test mcp -p website", "Test the MCP endpoint of a project"]],
  },
  {
    mcp: {
      summary: "Connect to an MCP server as a client would, list its tools and call one",
      load: async () => (await import("./test/mcp.ts")).testMcp,
    },
  },
);
