import { join } from "node:path";
import type { TomlValue } from "./toml-text.ts";

/** The place of a token that a client reads by itself, so that it does not stand in the client's file. */
export type TokenSource = { file: string } | { variable: string };

/** The settings of one MCP server in a client's file. */
export type ClientEntry = Record<string, TomlValue | Record<string, string>>;

/** Folders that the files of clients are in. */
export interface ClientPlaces {
  cwd: string;
  /** `~` */
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
}

/** A program that is an MCP client, and the format of its own file. */
export interface McpClient {
  name: string;
  title: string;
  format: "json" | "toml";
  /** The path in the file to the entries of servers. */
  section: readonly string[];
  /** The files of a folder, the most usual first: one that is there is taken. None if it has no such file. */
  folderFiles: readonly string[];
  userFile(places: ClientPlaces): string;
  /** Returns the reason for which it does not take a name of an entry. Letters, digits, - and _ are checked before. */
  nameFault?(name: string): string | undefined;
  /** The members of an entry that mcpctl writes. Others are the user's and stay. */
  members: readonly string[];
  /** The ways in which it gets at a token over HTTP. A client that cannot read a file starts `mcpctl mcp` instead. */
  tokens: readonly ("file" | "variable")[];
  http(url: string, token: TokenSource): ClientEntry;
  program(command: string, args: readonly string[]): ClientEntry;
  /** The next thing that the user does. */
  next: string;
  /** A command line that starts it with an llm of the server. */
  inference?(url: string, token: string, llm: string): string;
}

const bearer = (words: string) => ({ Authorization: `Bearer ${words}` });
const commandAndArgs = (command: string, args: readonly string[]) => ({ command, args });

/** Prints the headers as Claude Code wants them from a helper. */
function headersHelper(file: string): string {
  return `printf '{"Authorization":"Bearer %s"}' "$(cat ${shellWord(file)})"`;
}

/** Names for which Claude Code 2.1.332 says "is a reserved MCP server name and was not loaded". */
const reservedByClaude: readonly string[] = ["workspace", "claude-in-chrome", "computer-use"];

/** https://code.claude.com/docs/en/mcp */
const claude: McpClient = {
  name: "claude",
  title: "Claude Code",
  format: "json",
  section: ["mcpServers"],
  folderFiles: [".mcp.json"],
  userFile: ({ home, env }) => join(env["CLAUDE_CONFIG_DIR"] || home, ".claude.json"),
  nameFault: (name) =>
    reservedByClaude.includes(name) ? "the name is reserved, and the entry would not be loaded" : undefined,
  members: ["type", "url", "headers", "headersHelper", "command", "args"],
  tokens: ["file", "variable"],
  http: (url, token) => ({
    type: "http",
    url,
    ...("file" in token
      ? { headersHelper: headersHelper(token.file) }
      : { headers: bearer(`\${${token.variable}}`) }),
  }),
  program: (command, args) => ({ type: "stdio", command, args }),
  next: "start claude in this folder and accept the server; /mcp shows it",
  inference: (url, token, llm) =>
    `ANTHROPIC_BASE_URL=${url} ANTHROPIC_AUTH_TOKEN=${token} claude --model ${llm}`,
};

/** https://developers.openai.com/codex/mcp */
const codex: McpClient = {
  name: "codex",
  title: "Codex",
  format: "toml",
  section: ["mcp_servers"],
  folderFiles: [],
  userFile: ({ home, env }) => join(env["CODEX_HOME"] || join(home, ".codex"), "config.toml"),
  members: ["command", "args", "url", "bearer_token_env_var"],
  tokens: ["variable"],
  http: (url, token) => ({ url, ...("variable" in token && { bearer_token_env_var: token.variable }) }),
  program: commandAndArgs,
  next: "start codex; /mcp shows the server",
  inference: (url, token, llm) =>
    `MCPCTL_TOKEN=${token} codex -m ${llm} -c model_provider=mcpctl -c 'model_providers.mcpctl={name="mcpctl",base_url="${url}/v1",env_key="MCPCTL_TOKEN",wire_api="responses"}'`,
};

/** https://cursor.com/docs/mcp */
const cursor: McpClient = {
  name: "cursor",
  title: "Cursor",
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
};

/**
 * https://code.visualstudio.com/docs/copilot/reference/mcp-configuration has the entries, and
 * https://github.com/microsoft/vscode/blob/main/src/vs/platform/environment/node/userDataPath.ts the user's folder.
 */
const vscode: McpClient = {
  name: "vscode",
  title: "VS Code",
  format: "json",
  section: ["servers"],
  folderFiles: [".vscode/mcp.json"],
  userFile: ({ home, env, platform }) => {
    const folder =
      platform === "darwin"
        ? join(home, "Library/Application Support")
        : env["XDG_CONFIG_HOME"] || join(home, ".config");
    return join(folder, "Code/User/mcp.json");
  },
  members: ["type", "url", "headers", "command", "args"],
  tokens: ["variable"],
  http: (url, token) => ({
    type: "http",
    url,
    ...("variable" in token && { headers: bearer(`\${env:${token.variable}}`) }),
  }),
  program: (command, args) => ({ type: "stdio", command, args }),
  next: "open the file in VS Code and press Start above the server",
};

/** https://opencode.ai/docs/mcp-servers */
const opencode: McpClient = {
  name: "opencode",
  title: "opencode",
  format: "json",
  section: ["mcp"],
  folderFiles: ["opencode.json", "opencode.jsonc"],
  userFile: ({ home, env }) =>
    join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "opencode/opencode.json"),
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
};

/** https://geminicli.com/docs/tools/mcp-server and, for the user's folder, https://geminicli.com/docs/reference/configuration */
const gemini: McpClient = {
  name: "gemini",
  title: "Gemini CLI",
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

/** https://qwenlm.github.io/qwen-code-docs/en/users/features/mcp */
const qwen: McpClient = {
  ...gemini,
  name: "qwen",
  title: "Qwen Code",
  folderFiles: [".qwen/settings.json"],
  userFile: ({ home, env }) => join(env["QWEN_HOME"] || join(home, ".qwen"), "settings.json"),
  next: "start qwen in this folder and approve the server; /mcp shows it",
};

/** The clients whose files `mcpctl config` writes. */
export const mcpClients: readonly McpClient[] = [claude, codex, cursor, vscode, opencode, gemini, qwen];

/** Returns a path as a word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
