import { join } from "node:path";
import { bearer, type ClientPlaces, type ConnectClient } from "../client.ts";

/** https://opencode.ai/docs/providers and https://opencode.ai/docs/mcp-servers */
export const opencode: ConnectClient = {
  name: "opencode",
  title: "opencode",
  models: {
    dialect: "chat",
    files: ({ url, model, tokenFile, context }, places) => [
      {
        file: userFile(places),
        format: "json",
        settings: [
          { path: ["model"], value: `mcpctl/${model}` },
          { path: ["small_model"], value: `mcpctl/${model}` },
          {
            path: ["provider", "mcpctl"],
            value: {
              npm: "@ai-sdk/openai-compatible",
              name: "mcpctl",
              options: { baseURL: `${url}/v1`, apiKey: `{file:${tokenFile}}` },
              models: {
                [model]: {
                  name: model,
                  ...(context !== undefined && { limit: { context, output: Math.min(context, 32_000) } }),
                },
              },
            },
          },
        ],
      },
    ],
    next: ({ model }) => `start opencode; its model is mcpctl/${model}`,
  },
  mcp: {
    format: "json",
    section: ["mcp"],
    folderFiles: ["opencode.json", "opencode.jsonc"],
    userFile,
    members: ["type", "url", "headers", "oauth", "command"],
    tokens: ["file", "variable"],
    http: (url, token) => ({
      type: "remote",
      url,
      headers: bearer("file" in token ? `{file:${token.file}}` : `{env:${token.variable}}`),
      oauth: false,
    }),
    program: (command, args) => ({ type: "local", command: [command, ...args] }),
    next: "to see the server: opencode mcp list",
  },
};

function userFile({ home, env }: ClientPlaces): string {
  return join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "opencode/opencode.json");
}
