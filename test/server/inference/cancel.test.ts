import { describe, expect, it } from "vitest";
import { type Connection, chatFrames, chunk, goodProvider, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const streamed = { ...question, stream: true };
const word = chatFrames(["a"], false)[1]!;
const wentAway = { status: 499, error: "client_closed_request" };

/** A provider that begins a response and never ends it. */
function beginning(answer: (connection: Connection) => void) {
  const arrived = Promise.withResolvers<void>();
  const freed = Promise.withResolvers<void>();
  const script = (_: unknown, connection: Connection) => {
    answer(connection);
    void connection.closed.then(freed.resolve);
    arrived.resolve();
  };
  return { script, arrived: arrived.promise, freed: freed.promise };
}

describe("a caller who leaves", () => {
  const moments: Record<string, [body: object, answer: (connection: Connection) => void]> = {
    "waiting for a whole answer": [question, () => {}],
    "waiting for the rest of a whole answer": [
      question,
      (connection) => connection.write("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"),
    ],
    "waiting for a stream": [streamed, () => {}],
    "waiting for the first frame of a stream": [streamed, (connection) => connection.write(streamHead)],
  };
  it.each(Object.entries(moments))("%s closes the connection to the provider", async (_, [body, answer]) => {
    const provider = beginning(answer);
    const { server, bearer } = await withProvider(provider.script);
    const caller = await postRaw(server.url, bearer, path, body);
    await provider.arrived;
    caller.leave();
    await provider.freed;
    const event = await onlyEvent(server);
    expect(event).toMatchObject({
      ...wentAway,
      promptTokens: body === question ? 20 : 24,
      detail: { estimated: true },
    });
    expect(event.ttftMs).toBeUndefined();
    expect(server.logged.join()).not.toMatch(/error/i);
  });

  it("in the middle of a stream closes the connection to the provider, and the usage so far is recorded", async () => {
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n';
    const provider = beginning((connection) => connection.write(streamHead + chunk(usage + word)));
    const { server, bearer } = await withProvider(provider.script);
    const caller = await postRaw(server.url, bearer, path, streamed);
    await caller.until(word);
    caller.leave();
    await provider.freed;
    expect(await onlyEvent(server)).toMatchObject({
      ...wentAway,
      promptTokens: 7,
      completionTokens: 3,
      ttftMs: expect.any(Number),
    });
  });

  it("in the middle of its own request is recorded, and the provider gets no request", async () => {
    const { server, bearer, provider } = await withProvider(goodProvider);
    const { hostname, port } = new URL(server.url);
    const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${bearer}\r\n`;
    socket.end(`${head}content-type: application/json\r\ncontent-length: 500\r\n\r\n{"model":`);
    expect(await onlyEvent(server)).toMatchObject(wentAway);
    expect(provider.seen).toEqual([]);
    expect(server.logged.join()).not.toMatch(/error/i);
  });
});
