import { type ConnectClient, shellWord } from "../client.ts";

/** https://docs.openwebui.com/reference/env-configuration: it has no file of settings, only its environment and its database. */
export const openWebui: ConnectClient = {
  name: "open-webui",
  title: "Open WebUI",
  caVariable: "SSL_CERT_FILE",
  models: {
    dialect: "chat",
    files: ({ url, model, token, ownFile }) => [
      {
        file: ownFile,
        format: "text",
        settings: [
          {
            path: [],
            value: `# Written by: mcpctl connect open-webui
ENABLE_OPENAI_API=true
OPENAI_API_BASE_URL=${url}/v1
OPENAI_API_KEY=${token}
DEFAULT_MODELS=${model}
`,
          },
        ],
      },
    ],
    snippet: ({ ownFile }) => `# From PyPI:
(set -a; . ${shellWord(ownFile)}; open-webui serve)
# In a container, which listens on port 8080 of this machine then:
docker run -d --name open-webui --network host --env-file ${shellWord(ownFile)} \\
  -v open-webui:/app/backend/data ghcr.io/open-webui/open-webui:main
`,
    next: () =>
      "run one of the commands above; an Open WebUI that has run before keeps its connections in its database: change them in Admin Settings, Connections",
  },
};
