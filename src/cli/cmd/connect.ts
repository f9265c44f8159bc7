import { type CommandEntry, defineGroup } from "../core/command.ts";
import type { ConnectClient } from "./connect/client.ts";
import { connectClients } from "./connect/clients/index.ts";

/** Returns the verb of a client, which is loaded when it runs. */
export function connectEntry(client: ConnectClient): CommandEntry {
  return {
    summary: `Set ${client.title} up`,
    group: "Clients",
    load: async () => (await import("./connect/connect-verb.ts")).connectVerb(client),
  };
}

export const connect = defineGroup(
  {
    name: "connect",
    description: "Let a program use the server: its models, and the MCP servers of a project",
    about: `Makes a token that may run what you name and nothing else, makes one call with it, and writes the program's own
      settings, with a copy of the old ones beside them. It says what it did; --remove undoes exactly that.`,
    usage: "PROGRAM [--llm NAME] [-p PROJECT] [flags]",
    examples: [
      ["mcpctl connect claude --llm gpt", "Let Claude Code use the llm gpt"],
      ["mcpctl connect codex --llm gpt -p website", "Codex, with the MCP servers of a project too"],
      ["mcpctl connect claude --remove", "Undo it"],
    ],
  },
  Object.fromEntries(connectClients.map((client) => [client.name, connectEntry(client)])),
);
