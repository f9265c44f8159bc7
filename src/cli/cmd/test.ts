import { defineGroup } from "../core/command.ts";

export const test = defineGroup(
  {
    name: "test",
    description: "Test what a server offers, as a program would use it",
    about: `Each test prints a line for each step and exits with 0 if all is well, so that it can stand in a script.`,
    examples: [
      ["mcpctl test llm claude", "Test the url, the key and the model of an llm, and its speed"],
      ["mcpctl test mcp -p website", "Test the MCP endpoint of a project"],
      ['mcpctl test gate -p website --task "Migrate the orders"', "See which prompts a model gets"],
    ],
  },
  {
    llm: {
      summary: "Call an llm once: can it be reached, is the key right, is the model there, how fast is it",
      load: async () => (await import("./test/llm.ts")).testLlm,
    },
    mcp: {
      summary: "Connect to an MCP server as a client would, list its tools and call one",
      load: async () => (await import("./test/mcp.ts")).testMcp,
    },
    gate: {
      summary: "Show which prompts a model would get for a task, and why",
      load: async () => (await import("./test/gate.ts")).testGate,
    },
  },
);
