import { expect, it } from "vitest";
import { BareCaller } from "../../support/bare-caller.ts";
import { requestHead } from "../../support/raw-http.ts";
import { must, testServer } from "../../support/server.ts";
import { chatFrames, chunk, lastChunk, type Script, streamHead, upstream } from "../../support/upstream.ts";

/** A provider that ends its stream, unless the prompt says that it should wait. */
const script: Script = (asked, connection) => {
  connection.write(streamHead);
  const isQuiet = JSON.stringify(asked.body).includes("wait");
  const frames = chatFrames(["Hel", "lo"], false);
  for (const frame of isQuiet ? frames.slice(0, 1) : frames) connection.write(chunk(frame));
  if (!isQuiet) connection.write(lastChunk);
};

// Bun counts idle time in steps of 4 s, so the test takes about as long.
it("an idle connection is closed, and a quiet response is not idle (T96)", async () => {
  const server = await testServer({ connections: { idleSeconds: 1 } });
  const { url } = upstream(script);
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m", url }),
  );
  const grants = [
    { role: "run", resource: "llms" },
    { role: "view", resource: "llms" },
  ];
  const { bearer } = await server.token("t", grants);
  const connect = (text: string) => {
    const caller = new BareCaller(Number(new URL(server.url).port));
    caller.socket.write(text);
    return caller;
  };
  const own = { authorization: `Bearer ${bearer}`, connection: "keep-alive" };
  const chat = (content: string) => {
    const body = JSON.stringify({ model: "gpt", stream: true, messages: [{ role: "user", content }] });
    const head = { ...own, "content-type": "application/json", "content-length": String(body.length) };
    return requestHead("POST", "/v1/chat/completions", head) + body;
  };
  const idle = [connect(requestHead("GET", "/healthz", own)), connect(chat("answer"))];
  const quiet = [connect(chat("wait")), connect(requestHead("GET", "/api/v1/llms?watch=1", own))];
  await Promise.all(quiet.map((caller) => caller.met(() => caller.text.includes("text/event-stream"))));
  await Promise.all(idle.map((caller) => caller.met(() => caller.closed !== undefined)));
  expect(idle[0]!.text).toContain("200 OK");
  expect(idle[1]!.text).toContain("[DONE]");
  expect(quiet.map(({ closed }) => closed)).toEqual([undefined, undefined]);
});
