import { join } from "node:path";
import { bearer, type ConnectClient, shellWord } from "../client.ts";

/** Names for which Claude Code 2.1.332 says "is a reserved MCP server name and was not loaded". */
const reserved: readonly string[] = ["workspace", "claude-in-chrome", "computer-use"];

/**
 * https://code.claude.com/docs/en/mcp has the entries of servers, https://code.claude.com/docs/en/settings the settings.
 * A helper reads the token from its file, so that the settings hold none.
 */
export const claude: ConnectClient = {
  name: "claude",
  title: "Claude Code",
  caVariable: "NODE_EXTRA_CA_CERTS",
  models: {
    dialect: "messages",
    files: ({ url, model, tokenFile, context }, { home, env }) => [
      {
        file: join(env["CLAUDE_CONFIG_DIR"] || join(home, ".claude"), "settings.json"),
        format: "json",
        settings: [
          { path: ["model"], value: model },
          { path: ["apiKeyHelper"], value: `cat ${shellWord(tokenFile)}` },
          ...Object.entries(environment(url, model, context)).map(([name, value]) => ({
            path: ["env", name],
            value,
          })),
          // It prefers these to the helper, and to the model above.
          { path: ["env", "ANTHROPIC_AUTH_TOKEN"], value: undefined },
          { path: ["env", "ANTHROPIC_API_KEY"], value: undefined },
          { path: ["env", "ANTHROPIC_MODEL"], value: undefined },
        ],
      },
    ],
    next: () => "start claude; /status shows the address",
    overriddenBy: ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_MODEL"],
  },
  mcp: {
    format: "json",
    section: ["mcpServers"],
    folderFiles: [".mcp.json"],
    userFile: ({ home, env }) => join(env["CLAUDE_CONFIG_DIR"] || home, ".claude.json"),
    nameFault: (name) =>
      reserved.includes(name) ? "the name is reserved, and the entry would not be loaded" : undefined,
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
  },
  launch: ({ url, model, context, project }) => ({
    // Variables in the user's settings would win over those of the process.
    args: [
      `--settings=${JSON.stringify({ model, env: environment(url, model, context) })}`,
      ...(project === undefined
        ? []
        : [`--mcp-config=${JSON.stringify({ mcpServers: serverOf(url, project) })}`]),
    ],
  }),
};

/** The variables that name the server and its model. */
function environment(url: string, model: string, context: number | undefined): Record<string, string> {
  return {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    ...(context !== undefined && { CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(context) }),
  };
}

function serverOf(url: string, project: string): object {
  const headers = bearer("${MCPCTL_TOKEN}");
  return { [project]: { type: "http", url: `${url}/projects/${project}/mcp`, headers } };
}

/** Prints the headers as Claude Code wants them from a helper. */
function headersHelper(file: string): string {
  return `printf '{"Authorization":"Bearer %s"}' "$(cat ${shellWord(file)})"`;
}
