/**
 * A provider and its callers in a process of their own, for tests that count what the server holds. Prints the port of the
 * provider. For each line `PORT TOKEN COUNT` of stdin it opens so many streams at a server, and prints `open` when each
 * has its first event, and more than the server looks at. They stay open.
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { eventStreamHeaders } from "../../src/wire/sse.ts";

const event = (content: string) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta: { content } }] })}\n\n`;
const events = event("word ").repeat(40);

const provider = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  async fetch(request) {
    await request.arrayBuffer();
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(events)) });
    return new Response(body, { headers: eventStreamHeaders });
  },
});
process.stdout.write(`${provider.port}\n`);

const body = JSON.stringify({
  model: "gpt",
  stream: true,
  messages: [{ role: "user", content: "word ".repeat(600) }],
});

function open(port: number, token: string): Promise<void> {
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nuser-agent: test\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const socket = connect(port, "127.0.0.1", () => socket.write(head + body));
  return new Promise((resolve, reject) => {
    let received = 0;
    socket.on("error", reject);
    socket.on("data", (bytes) => {
      received += bytes.length;
      if (received > events.length) resolve();
    });
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [port, token = "", count] = line.split(" ");
  await Promise.all(Array.from({ length: Number(count) }, () => open(Number(port), token)));
  process.stdout.write("open\n");
}
process.exit();
