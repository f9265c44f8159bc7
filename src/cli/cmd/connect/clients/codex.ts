import { join } from "node:path";
import { type ClientPlaces, type ConnectClient, commandAndArgs } from "../client.ts";

/**
 * https://developers.openai.com/codex/config-reference has the settings of a provider, https://developers.openai.com/codex/mcp
 * the entries of servers. A command prints the token, so that the settings hold none.
 */
export const codex: ConnectClient = {
  name: "codex",
  title: "Codex",
  caVariable: "CODEX_CA_CERTIFICATE",
  models: {
    dialect: "responses",
    files: ({ url, model, tokenFile, context }, places) => [
      {
        file: configFile(places),
        format: "toml",
        settings: [
          { path: ["model"], value: model },
          { path: ["model_provider"], value: "mcpctl" },
          ...(context === undefined ? [] : [{ path: ["model_context_window"], value: context }]),
          { path: ["model_providers", "mcpctl", "name"], value: "mcpctl" },
          { path: ["model_providers", "mcpctl", "base_url"], value: `${url}/v1` },
          { path: ["model_providers", "mcpctl", "wire_api"], value: "responses" },
          { path: ["model_providers", "mcpctl", "auth", "command"], value: "cat" },
          { path: ["model_providers", "mcpctl", "auth", "args"], value: [tokenFile] },
        ],
      },
    ],
    next: () => "start codex; /status shows the model and its provider",
  },
  mcp: {
    format: "toml",
    section: ["mcp_servers"],
    folderFiles: [],
    userFile: configFile,
    members: ["command", "args", "url", "bearer_token_env_var"],
    tokens: ["variable"],
    http: (url, token) => ({ url, ...("variable" in token && { bearer_token_env_var: token.variable }) }),
    program: commandAndArgs,
    next: "start codex; /mcp shows the server",
  },
  launch: ({ url, model, context, project }) => {
    const provider = `{name="mcpctl",base_url="${url}/v1",env_key="MCPCTL_TOKEN",wire_api="responses"}`;
    const server = `{url="${url}/projects/${project}/mcp",bearer_token_env_var="MCPCTL_TOKEN"}`;
    const settings = {
      model: JSON.stringify(model),
      // Names of their own: Codex would merge them with those that connect has written.
      model_provider: '"mcpctl-run"',
      "model_providers.mcpctl-run": provider,
      ...(context !== undefined && { model_context_window: String(context) }),
      ...(project !== undefined && { [`mcp_servers.${project}-run`]: server }),
    };
    return { args: Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]) };
  },
};

function configFile({ home, env }: ClientPlaces): string {
  return join(env["CODEX_HOME"] || join(home, ".codex"), "config.toml");
}
