import { join } from "node:path";
import { bearer, type ConnectClient, commandAndArgs, shellWord } from "../client.ts";

/** https://cursor.com/help/models-and-usage/api-keys and https://cursor.com/docs/mcp */
export const cursor: ConnectClient = {
  name: "cursor",
  title: "Cursor",
  models: {
    dialect: "chat",
    // It keeps these settings in a database of its own.
    snippet: ({ url, model, tokenFile }) => `In Cursor's settings, under Models, API Keys:
  OpenAI API Key            the output of: cat ${shellWord(tokenFile)}
  Override OpenAI Base URL  ${url}/v1
and under Models, Add Custom Model:
  ${model}
`,
    next: () =>
      "type this into Cursor's settings; its own servers make the calls, so the address must be one that the internet reaches",
  },
  mcp: {
    format: "json",
    section: ["mcpServers"],
    folderFiles: [".cursor/mcp.json"],
    userFile: ({ home }) => join(home, ".cursor/mcp.json"),
    members: ["url", "headers", "command", "args"],
    tokens: ["variable"],
    http: (url, token) => ({
      url,
      ...("variable" in token && { headers: bearer(`\${env:${token.variable}}`) }),
    }),
    program: commandAndArgs,
    next: "turn the server on in Cursor's settings, under MCP",
  },
};
