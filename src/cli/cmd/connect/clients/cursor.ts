import { join } from "node:path";
import { bearer, type ConnectClient, commandAndArgs } from "../client.ts";

/** https://cursor.com/docs/mcp */
export const cursor: ConnectClient = {
  name: "cursor",
  title: "Cursor",
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
