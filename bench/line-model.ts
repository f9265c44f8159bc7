/** A model that answers with as many bytes as `max_tokens` says, and counts those that it was sent. Takes `{port}`. */
const { port } = JSON.parse(process.argv[2]!) as { port: number };

Bun.serve({
  hostname: "127.0.0.1",
  port,
  maxRequestBodySize: 64 * 1024 * 1024,
  async fetch(request) {
    if (request.method === "GET") return Response.json({ object: "list", data: [{ id: "line" }] });
    const body = (await request.json()) as { max_tokens: number; messages: { content: string }[] };
    const message = { role: "assistant", content: "y".repeat(body.max_tokens) };
    return Response.json({
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "line",
      choices: [{ index: 0, message, finish_reason: "stop" }],
      received: body.messages[0]!.content.length,
    });
  },
});
