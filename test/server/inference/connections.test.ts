import { expect, it } from "vitest";
import {
  type Connection,
  chatAnswer,
  chatFrames,
  chunk,
  lastChunk,
  reply,
  streamHead,
} from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { events, question, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const streamed = { ...question, stream: true };
const frames = chatFrames(["a"], false);
const done = frames.at(-1)!;

it("600 calls run at the same time, more than the 256 that fetch allows", async () => {
  expect(process.env["BUN_CONFIG_MAX_HTTP_REQUESTS"]).toBeUndefined();
  const count = 600;
  const waiting: Connection[] = [];
  // The provider answers when all calls have arrived.
  const { server, bearer } = await withProvider((_, connection) => {
    waiting.push(connection);
    if (waiting.length < count) return;
    for (const each of waiting) each.write(streamHead + chunk(frames.join("")) + lastChunk);
  });
  const callers = await Promise.all(
    Array.from({ length: count }, () => postRaw(server.url, bearer, path, streamed)),
  );
  const answers = await Promise.all(
    callers.map(async (caller) => {
      await caller.ended;
      return caller.text;
    }),
  );
  expect(answers).toEqual(Array(count).fill(frames.join("")));
  const logged = await events(server);
  expect(logged.map(({ status }) => status)).toEqual(Array(count).fill(200));
  expect(new Set(logged.map(({ requestId }) => requestId)).size).toBe(count);
});

it("a connection to a provider is used again after a response or a stream", async () => {
  const connections = new Set<Promise<void>>();
  let last!: Connection;
  const { call, provider, server, bearer } = await withProvider((request, connection) => {
    last = connection;
    connections.add(connection.closed);
    if (request.body.stream) connection.write(streamHead + chunk(frames.join("")));
    else connection.write(reply(200, chatAnswer("a")));
  });
  for (let again = 0; again < 3; again++) {
    expect((await call("POST", path, question)).status).toBe(200);
    const caller = await postRaw(server.url, bearer, path, streamed);
    await caller.until(done);
    // The end of the framing arrives after the last frame, as on a slow network.
    last.write(lastChunk);
    await server.admin("GET", "/healthz");
  }
  expect(provider.seen).toHaveLength(6);
  expect(connections.size).toBe(1);
});

it("a provider that sends more after its last frame loses its connection", async () => {
  const closed = Promise.withResolvers<void>();
  const { call } = await withProvider((_, connection) => {
    connection.write(streamHead + chunk(frames.join("")));
    void connection.closed.then(closed.resolve);
  });
  expect((await call("POST", path, streamed)).text.endsWith(done)).toBe(true);
  await closed.promise;
});
