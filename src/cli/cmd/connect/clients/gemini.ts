import { join } from "node:path";
import { bearer, type ConnectClient, commandAndArgs, type McpUse } from "../client.ts";

const mcp: McpUse = {
  format: "json",
  section: ["mcpServers"],
  folderFiles: [".gemini/settings.json"],
  userFile: ({ home, env }) => join(env["GEMINI_CLI_HOME"] || home, ".gemini/settings.json"),
  nameFault: (name) =>
    name.includes("_") ? "an underscore in the name lets its rules for tools fail silently" : undefined,
  members: ["httpUrl", "headers", "command", "args"],
  tokens: ["variable"],
  http: (url, token) => ({
    httpUrl: url,
    ...("variable" in token && { headers: bearer(`\${${token.variable}}`) }),
  }),
  program: commandAndArgs,
  next: "start gemini in this folder and trust the folder; to see the server: gemini mcp list",
};

/** https://geminicli.com/docs/tools/mcp-server and, for the user's folder, https://geminicli.com/docs/reference/configuration */
export const gemini: ConnectClient = { name: "gemini", title: "Gemini CLI", mcp };

/** https://qwenlm.github.io/qwen-code-docs/en/users/features/mcp: its file has the form of Gemini CLI's. */
export const qwen: ConnectClient = {
  name: "qwen",
  title: "Qwen Code",
  caVariable: "NODE_EXTRA_CA_CERTS",
  mcp: {
    ...mcp,
    folderFiles: [".qwen/settings.json"],
    userFile: ({ home, env }) => join(env["QWEN_HOME"] || join(home, ".qwen"), "settings.json"),
    next: "start qwen in this folder and approve the server; /mcp shows it",
  },
};
