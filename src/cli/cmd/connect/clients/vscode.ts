import { join } from "node:path";
import { bearer, type ClientPlaces, type ConnectClient } from "../client.ts";

/** The numbers of a model that nobody knows: VS Code wants some. */
const usualContext = 128_000;
const mostOutput = 16_000;

/**
 * https://code.visualstudio.com/docs/copilot/reference/mcp-configuration has the entries,
 * https://code.visualstudio.com/docs/copilot/customization/language-models the models, and
 * https://github.com/microsoft/vscode/blob/main/src/vs/platform/environment/node/userDataPath.ts the user's folder. It reads
 * no token from another file, so its list of models holds it.
 */
export const vscode: ConnectClient = {
  name: "vscode",
  title: "VS Code",
  models: {
    dialect: "chat",
    files: ({ url, model, token, context = usualContext }, places) => [
      {
        file: join(userFolder(places), "chatLanguageModels.json"),
        format: "json",
        settings: [
          {
            path: ["=mcpctl"],
            value: {
              name: "mcpctl",
              vendor: "customendpoint",
              apiKey: token,
              apiType: "chat-completions",
              models: [
                {
                  id: model,
                  name: model,
                  url: `${url}/v1/chat/completions`,
                  toolCalling: true,
                  vision: false,
                  maxInputTokens: context - Math.min(mostOutput, context >> 1),
                  maxOutputTokens: Math.min(mostOutput, context >> 1),
                },
              ],
            },
          },
        ],
      },
    ],
    next: ({ model }) =>
      `choose ${model} in the model picker of VS Code's chat (1.122 or later); Manage Models lists it`,
  },
  mcp: {
    format: "json",
    section: ["servers"],
    folderFiles: [".vscode/mcp.json"],
    userFile: (places) => join(userFolder(places), "mcp.json"),
    members: ["type", "url", "headers", "command", "args"],
    tokens: ["variable"],
    http: (url, token) => ({
      type: "http",
      url,
      ...("variable" in token && { headers: bearer(`\${env:${token.variable}}`) }),
    }),
    program: (command, args) => ({ type: "stdio", command, args }),
    next: "open the file in VS Code and press Start above the server",
  },
};

function userFolder({ home, env, platform }: ClientPlaces): string {
  const folder =
    platform === "darwin"
      ? join(home, "Library/Application Support")
      : env["XDG_CONFIG_HOME"] || join(home, ".config");
  return join(folder, "Code/User");
}
