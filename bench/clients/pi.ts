import { join } from "node:path";
import type { Client, Job } from "./client.ts";

/** The names of pi for the APIs: https://pi.dev/docs/models-configuration */
const apis = {
  chat: "openai-completions",
  responses: "openai-responses",
  messages: "anthropic-messages",
} as const;

/** A coding agent that speaks all three APIs. It needs Node 22; where `node` is older, `bun run` runs it. */
export const pi: readonly Client[] = (["chat", "responses", "messages"] as const).map((dialect) => ({
  name: "pi",
  install: { npm: ["@earendil-works/pi-coding-agent@1.6.0"] },
  dialect,
  scenarios: ["text", "tools", "parallel", "thinking", "image", "cancel", "overflow", "switch"],
  command: ({ question, model, nth, scenario }) => [
    ...["pi", "--offline", "--provider", "mcpctl", "--model", model, "--thinking", "medium"],
    ...(nth > 0 ? ["--continue"] : []),
    "-p",
    ...(scenario === "image" ? ["@picture.png"] : []),
    question,
  ],
  files: (job) => ({ ".pi/agent/models.json": JSON.stringify(modelsOf(job, dialect), null, 2) }),
  env: ({ token }) => ({ MCPCTL_TOKEN: token, PI_OFFLINE: "1" }),
  read: ({ work }, file) => ({ name: "read", input: { path: join(work, file) } }),
}));

function modelsOf({ url, model, other }: Job, dialect: keyof typeof apis) {
  const settings = { reasoning: true, input: ["text", "image"], contextWindow: 200_000, maxTokens: 8_000 };
  return {
    providers: {
      mcpctl: {
        baseUrl: dialect === "messages" ? url : `${url}/v1`,
        api: apis[dialect],
        apiKey: "$MCPCTL_TOKEN",
        models: [model, other].map((id) => ({ id, ...settings })),
      },
    },
  };
}
