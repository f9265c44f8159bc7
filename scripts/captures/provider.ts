/** The scripted answers of the models, by a word of the question. */
const answers: readonly (readonly [RegExp, string])[] = [
  [
    /webhook/i,
    "1. Check the signature before you parse the body.\n" +
      "2. Answer 200 at once, and do the work in a queue.\n" +
      "3. Senders repeat what got no answer: the event's id tells what is done already.",
  ],
  [/./s, "Hello!"],
];

/** The port of an Ollama, where `mcpctl init` looks for it. */
export const ollamaPort = 11434;

/** Starts a provider that looks like Ollama and answers from a script. Throws if its port is taken. */
export function startProvider(): { stop(): void } {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: ollamaPort,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/") return new Response("Ollama is running");
      if (pathname === "/api/version") return Response.json({ version: "0.13.5" });
      if (pathname === "/api/tags") return Response.json({ models: models.map((name) => ({ name })) });
      if (pathname === "/v1/models")
        return Response.json({ object: "list", data: models.map((id) => ({ id, object: "model" })) });
      if (pathname !== "/v1/chat/completions") return Response.json({ error: "not found" }, { status: 404 });
      return completion((await request.json()) as Completion);
    },
  });
  return { stop: () => void server.stop(true) };
}

const models = ["qwen3:8b", "gemma3:27b"];

interface Completion {
  stream?: boolean;
  messages: { content: unknown }[];
}

function completion({ stream, messages }: Completion): Response {
  const question = JSON.stringify(messages.at(-1)?.content ?? "");
  const content = answers.find(([pattern]) => pattern.test(question))![1];
  const usage = { prompt_tokens: 21, completion_tokens: 48, total_tokens: 69 };
  const head = { id: "chatcmpl-1", created: 1_764_400_000, model: "qwen3:8b" };
  if (!stream)
    return Response.json({
      ...{ ...head, object: "chat.completion", usage },
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    });
  const chunk = (delta: object, more: object = {}) =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`;
  const end = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage };
  const body = `${chunk({ role: "assistant", content })}${chunk({}, end)}data: [DONE]\n\n`;
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
