import { join } from "node:path";
import { type ClientPlaces, type ConnectClient, commandAndArgs, shellWord } from "../client.ts";

/** The context of a model that nobody knows: Zed wants a number. */
const usualContext = 128_000;

/**
 * https://zed.dev/docs/ai/use-api-access#openai-compatible and https://zed.dev/docs/ai/mcp. Zed reads a key from its keychain
 * or from a variable that has the provider's name, never from its settings.
 */
export const zed: ConnectClient = {
  name: "zed",
  title: "Zed",
  models: {
    dialect: "chat",
    files: ({ url, model, context = usualContext }, places) => [
      {
        file: settingsFile(places),
        format: "json",
        settings: [
          {
            path: ["language_models", "openai_compatible", "mcpctl"],
            value: {
              api_url: `${url}/v1`,
              available_models: [{ name: model, display_name: model, max_tokens: context }],
            },
          },
          { path: ["agent", "default_model", "provider"], value: "mcpctl" },
          { path: ["agent", "default_model", "model"], value: model },
        ],
      },
    ],
    snippet: ({ tokenFile }) => `MCPCTL_API_KEY="$(cat ${shellWord(tokenFile)})" zed\n`,
    next: ({ tokenFile }) =>
      `start Zed with the command above, or paste the token once into its settings, under LLM Providers, mcpctl: cat ${shellWord(tokenFile)}`,
  },
  mcp: {
    format: "json",
    section: ["context_servers"],
    folderFiles: [".zed/settings.json"],
    userFile: settingsFile,
    members: ["url", "headers", "command", "args"],
    // The headers of an entry are fixed texts.
    tokens: [],
    http: (url) => ({ url }),
    program: commandAndArgs,
    next: "open the Agent Panel in Zed; the server is among its context servers",
  },
};

function settingsFile({ home, env, platform }: ClientPlaces): string {
  const folder = platform === "darwin" ? undefined : env["XDG_CONFIG_HOME"];
  return join(folder || join(home, ".config"), "zed/settings.json");
}
