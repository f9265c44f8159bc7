import { join } from "node:path";
import type { ConnectClient } from "../client.ts";

/** https://aider.chat/docs/config/aider_conf.html: aider reads no token from another file, so its settings hold it. */
export const aider: ConnectClient = {
  name: "aider",
  title: "aider",
  caVariable: "SSL_CERT_FILE",
  models: {
    dialect: "chat",
    files: ({ url, model, token, context }, { home }) => [
      {
        file: join(home, ".aider.conf.yml"),
        format: "yaml",
        settings: [
          { path: ["model"], value: `openai/${model}` },
          { path: ["openai-api-base"], value: `${url}/v1` },
          { path: ["openai-api-key"], value: token },
        ],
      },
      ...(context === undefined
        ? []
        : [
            {
              file: join(home, ".aider.model.metadata.json"),
              format: "json" as const,
              settings: [
                {
                  path: [`openai/${model}`],
                  value: { max_input_tokens: context, litellm_provider: "openai", mode: "chat" },
                },
              ],
            },
          ]),
    ],
    next: () => "start aider; a .aider.conf.yml in a repository counts more than the one in your home",
    overriddenBy: ["AIDER_MODEL", "AIDER_OPENAI_API_BASE", "AIDER_OPENAI_API_KEY"],
  },
  // It reads the address and the key from the variables of OpenAI's SDK.
  launch: ({ model }) => ({ env: { AIDER_MODEL: `openai/${model}` } }),
};
