import { join } from "node:path";
import { type ClientPlaces, type ConnectClient, commandAndArgs } from "../client.ts";

/** The fields at the begin of a new file: Continue reads none without these. */
const newFile = "name: My config\nversion: 1.0.0\nschema: v1\n";

/**
 * https://docs.continue.dev/reference: the entries of its lists have names. It reads no token from another file, so its
 * settings hold that of the model.
 */
export const continueDev: ConnectClient = {
  name: "continue",
  title: "Continue",
  models: {
    dialect: "chat",
    files: ({ url, model, token, context }, places) => [
      {
        file: configFile(places),
        format: "yaml",
        newFile,
        settings: [
          {
            path: ["models", "=mcpctl"],
            value: {
              name: "mcpctl",
              provider: "openai",
              model,
              apiBase: `${url}/v1`,
              apiKey: token,
              roles: ["chat", "edit", "apply"],
              ...(context !== undefined && { defaultCompletionOptions: { contextLength: context } }),
            },
          },
        ],
      },
    ],
    next: () => "choose the model mcpctl in Continue; a config.json beside the file is no longer read",
  },
  mcp: {
    format: "yaml",
    section: ["mcpServers"],
    isList: true,
    newFile,
    folderFiles: [],
    userFile: configFile,
    members: ["command", "args"],
    tokens: [],
    http: (url) => ({ url }),
    program: commandAndArgs,
    next: "use the agent mode of Continue; the server is among its tools",
  },
};

function configFile({ home, env }: ClientPlaces): string {
  return join(env["CONTINUE_GLOBAL_DIR"] || join(home, ".continue"), "config.yaml");
}
