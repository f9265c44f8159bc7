import { shellQuoted } from "../../ui/yaml.ts";

/** A request of the playground. */
export interface PlaygroundRequest {
  model: string;
  messages: { role: string; content: string }[];
  temperature?: number;
  max_tokens?: number;
}

/** The forms in which a call can be copied. */
export const snippets: Readonly<Record<string, (origin: string, request: PlaygroundRequest) => string>> = {
  curl: (origin, request) =>
    `curl ${origin}/v1/chat/completions \\
  -H "authorization: Bearer $MCPCTL_TOKEN" -H "content-type: application/json" \\
  -d ${shellQuoted(JSON.stringify(request))}`,
  Python: (origin, { model, messages, ...more }) =>
    `import os
from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=os.environ["MCPCTL_TOKEN"])
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=${JSON.stringify(messages)},${Object.entries(more)
      .map(([name, value]) => `\n    ${name}=${value},`)
      .join("")}
)
print(answer.choices[0].message.content)`,
  TypeScript: (origin, request) =>
    `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.MCPCTL_TOKEN });
const answer = await client.chat.completions.create(${JSON.stringify(request, null, 2)});
process.stdout.write(answer.choices[0].message.content);`,
  "Claude Code": (origin, { model }) =>
    `ANTHROPIC_BASE_URL=${origin} ANTHROPIC_AUTH_TOKEN=$MCPCTL_TOKEN ANTHROPIC_MODEL=${shellQuoted(model)} claude`,
  mcpctl: (_, { model, messages }) => {
    const text = shellQuoted(messages.at(-1)?.content ?? "");
    return model.startsWith("agent:")
      ? `mcpctl chat ${shellQuoted(model.slice("agent:".length))} -m ${text}`
      : `mcpctl chat-llm ${shellQuoted(model)} -m ${text}`;
  },
};
