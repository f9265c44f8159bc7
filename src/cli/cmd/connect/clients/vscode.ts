import { join } from "node:path";
import { bearer, type ClientPlaces, type ConnectClient } from "../client.ts";

/**
 * https://code.visualstudio.com/docs/copilot/reference/mcp-configuration has the entries, and
 * https://github.com/microsoft/vscode/blob/main/src/vs/platform/environment/node/userDataPath.ts the user's folder.
 */
export const vscode: ConnectClient = {
  name: "vscode",
  title: "VS Code",
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
