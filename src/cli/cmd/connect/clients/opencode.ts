import { join } from "node:path";
import { bearer, type ClientPlaces, type ConnectClient } from "../client.ts";

/** https://opencode.ai/docs/providers and https://opencode.ai/docs/mcp-servers */
export const opencode: ConnectClient = {
  name: "opencode",
  title: "opencode",
  caVariable: "NODE_EXTRA_CA_CERTS",
  models: {
    dialect: "chat",
    files: ({ url, model, tokenFile, context }, places) => [
      {
        file: userFile(places),
        format: "json",
        settings: [
          { path: ["model"], value: `mcpctl/${model}` },
          { path: ["small_model"], value: `mcpctl/${model}` },
          { path: ["provider", "mcpctl"], value: provider(url, model, `{file:${tokenFile}}`, context) },
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
  launch: ({ url, model, context, project }) => {
    const token = "{env:MCPCTL_TOKEN}";
    const server = {
      type: "remote",
      url: `${url}/projects/${project}/mcp`,
      headers: bearer(token),
      oauth: false,
    };
    const config = {
      model: `mcpctl/${model}`,
      small_model: `mcpctl/${model}`,
      provider: { mcpctl: provider(url, model, token, context) },
      ...(project !== undefined && { mcp: { [project]: server } }),
    };
    return { env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(config) } };
  },
};

function provider(url: string, model: string, apiKey: string, context: number | undefined): object {
  const limit = context !== undefined && { limit: { context, output: Math.min(context, 32_000) } };
  return {
    npm: "@ai-sdk/openai-compatible",
    name: "mcpctl",
    options: { baseURL: `${url}/v1`, apiKey },
    models: { [model]: { name: model, ...limit } },
  };
}

function userFile({ home, env }: ClientPlaces): string {
  return join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "opencode/opencode.json");
}
