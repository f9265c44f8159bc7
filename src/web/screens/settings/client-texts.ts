import { commandOf, shellQuoted } from "../../ui/yaml.ts";

interface Chosen {
  origin: string;
  model: string;
  project: string | undefined;
}

interface Configuration {
  /** The texts to paste, each with its place. */
  steps: { title: string; text: string }[];
  /** The command line that does all of it. */
  command?: string;
}

function mcpUrl({ origin, project }: Chosen): string {
  return `${origin}/projects/${project}/mcp`;
}

const json = (value: unknown) => JSON.stringify(value, null, 2);

const clients: Readonly<Record<string, (chosen: Chosen) => Configuration>> = {
  "Claude Code": (chosen) => ({
    steps: [
      {
        title: "Environment",
        text: `export ANTHROPIC_BASE_URL=${chosen.origin}\nexport ANTHROPIC_AUTH_TOKEN=TOKEN\nexport ANTHROPIC_MODEL=${shellQuoted(chosen.model)}`,
      },
      ...(chosen.project
        ? [
            {
              title: "MCP servers",
              text: `claude mcp add --transport http ${chosen.project} ${mcpUrl(chosen)} --header "Authorization: Bearer TOKEN"`,
            },
          ]
        : []),
    ],
    command: connect("claude", chosen),
  }),
  Codex: (chosen) => ({
    steps: [
      {
        title: "~/.codex/config.toml",
        text: `model = ${JSON.stringify(chosen.model)}
model_provider = "mcpctl"

[model_providers.mcpctl]
name = "mcpctl"
base_url = "${chosen.origin}/v1"
env_key = "MCPCTL_TOKEN"
wire_api = "responses"${
          chosen.project
            ? `

[mcp_servers.${chosen.project}]
url = "${mcpUrl(chosen)}"
bearer_token_env_var = "MCPCTL_TOKEN"`
            : ""
        }`,
      },
    ],
    command: connect("codex", chosen),
  }),
  Cursor: (chosen) => ({
    steps: [
      { title: "Settings, Models: OpenAI base URL, with TOKEN as the key", text: `${chosen.origin}/v1` },
      { title: "Settings, Models: model", text: chosen.model },
      ...(chosen.project ? [{ title: "~/.cursor/mcp.json", text: mcpServers(chosen) }] : []),
    ],
    command: connect("cursor", chosen),
  }),
  "Open WebUI": (chosen) => ({
    steps: [
      {
        title: "Admin panel, Connections, OpenAI API: URL, with TOKEN as the key",
        text: `${chosen.origin}/v1`,
      },
      { title: "Model", text: chosen.model },
    ],
    command: connect("open-webui", chosen),
  }),
  "OpenAI SDK": ({ origin, model }) => ({
    steps: [
      {
        title: "Environment",
        text: `export OPENAI_BASE_URL=${origin}/v1\nexport OPENAI_API_KEY=TOKEN\nexport OPENAI_MODEL=${shellQuoted(model)}`,
      },
    ],
  }),
  "Anthropic SDK": ({ origin, model }) => ({
    steps: [
      {
        title: "Environment",
        text: `export ANTHROPIC_BASE_URL=${origin}\nexport ANTHROPIC_AUTH_TOKEN=TOKEN\nexport ANTHROPIC_MODEL=${shellQuoted(model)}`,
      },
    ],
  }),
  "Any MCP client": (chosen) => ({
    steps: [
      { title: "Its configuration", text: mcpServers({ ...chosen, project: chosen.project ?? "PROJECT" }) },
    ],
  }),
};

/** The programs whose configuration is known. */
export const clientNames = Object.keys(clients);

/** Returns what to paste into a program. */
export function configurationOf(client: string, chosen: Chosen): Configuration {
  return clients[client]!(chosen);
}

function mcpServers(chosen: Chosen): string {
  const { project } = chosen;
  return json({
    mcpServers: { [project!]: { url: mcpUrl(chosen), headers: { Authorization: "Bearer TOKEN" } } },
  });
}

function connect(client: string, { model, project }: Chosen): string {
  return commandOf("connect", client, "--llm", model, ...(project ? ["-p", project] : []));
}
