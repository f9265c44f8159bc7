import { describe, expect, it } from "vitest";
import { systemPace } from "../../../src/server/inference/pace.ts";
import { must } from "../../support/server.ts";
import {
  type Connection,
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  type Script,
  streamHead,
} from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { events, onlyEvent, question, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const answer = reply(200, chatAnswer("done"));
const one = { limits: { maxConcurrent: 1 } };
const run = [{ role: "run", resource: "llms" }];

/** A provider that answers when the test tells it to. */
function holding() {
  const held: Connection[] = [];
  const script: Script = (_, connection) => void held.push(connection);
  return { script, held };
}

describe("an llm with maxConcurrent", () => {
  it("gets no more calls at a time, and waiting users take turns", async () => {
    const { script, held } = holding();
    const { server, provider, bearer } = await withProvider(script, one);
    const bob = await server.user("bob", run);
    const greedy = [];
    for (let n = 0; n < 4; n++) {
      greedy.push(await postRaw(server.url, bearer, path, { ...question, user: `greedy-${n}` }));
      await expect.poll(() => waiting(server)).toBe(n);
    }
    const other = await postRaw(server.url, bob.bearer, path, { ...question, user: "bob" });
    await expect.poll(() => waiting(server)).toBe(4);
    for (let n = 1; n <= 5; n++) {
      await expect.poll(() => held.length).toBe(n);
      expect(provider.seen).toHaveLength(n);
      held[n - 1]!.write(answer);
    }
    await Promise.all([...greedy, other].map(({ ended }) => ended));
    expect(provider.seen.map(({ body }) => body.user)).toEqual([
      "greedy-0",
      "greedy-1",
      "bob",
      "greedy-2",
      "greedy-3",
    ]);
    expect(await waiting(server)).toBe(0);
    expect(await events(server)).toMatchObject(Array(5).fill({ status: 200 }));
  });

  it("refuses calls at once with retry-after if queueSeconds is 0", async () => {
    const { script, held } = holding();
    const limits = { maxConcurrent: 1, queueSeconds: 0 };
    const { server, call, bearer, provider } = await withProvider(script, { limits });
    const first = await postRaw(server.url, bearer, path, question);
    await expect.poll(() => held.length).toBe(1);
    const { status, headers, body } = await call("POST", path, question);
    expect([status, headers.get("retry-after")]).toEqual([429, "1"]);
    expect(body.error).toMatchObject({
      code: "too_many_requests",
      message: "the llm is busy: it takes 1 at a time",
    });
    held[0]!.write(answer);
    await first.ended;
    expect(provider.seen).toHaveLength(1);
    expect(await events(server)).toMatchObject([
      { status: 200 },
      { status: 429, error: "too_many_requests" },
    ]);
  });

  it("frees the place when a stream ends, fails or is left by its caller", async () => {
    const frames = chatFrames(["a"], false);
    let last!: Connection;
    const script: Script = (request, connection) => {
      last = connection;
      if (request.body.user === "whole") return connection.write(answer);
      if (request.body.user === "wrong") return connection.write(reply(400, {}));
      connection.write(streamHead + chunk(frames[0]!));
    };
    const { server, call, bearer } = await withProvider(script, one);
    const stream = { ...question, stream: true };
    const whole = () => call("POST", path, { ...question, user: "whole" });
    const streamed = async () => {
      const caller = await postRaw(server.url, bearer, path, stream);
      await caller.until(frames[0]!);
      return caller;
    };
    await streamed();
    let waits = whole();
    await expect.poll(() => waiting(server)).toBe(1);
    last.write(chunk(frames.slice(1).join("")) + lastChunk);
    expect((await waits).status).toBe(200);

    await streamed();
    waits = whole();
    await expect.poll(() => waiting(server)).toBe(1);
    last.reset();
    expect((await waits).status).toBe(200);

    const leaving = await streamed();
    waits = whole();
    await expect.poll(() => waiting(server)).toBe(1);
    leaving.leave();
    expect((await waits).status).toBe(200);

    for (let n = 0; n < 3; n++)
      expect((await call("POST", path, { ...question, user: "wrong" })).status).toBe(400);
    expect((await whole()).status).toBe(200);
  });

  it("drops queued calls of callers who left or whose bearer was deleted (T56)", async () => {
    const { script, held } = holding();
    const { server, provider, bearer } = await withProvider(script, one);
    const gone = await server.token("gone", run);
    const first = await postRaw(server.url, bearer, path, question);
    await expect.poll(() => held.length).toBe(1);
    const leaving = await postRaw(server.url, bearer, path, question);
    await expect.poll(() => waiting(server)).toBe(1);
    leaving.leave();
    await expect.poll(() => waiting(server)).toBe(0);
    const revoked = gone.call("POST", path, question);
    await expect.poll(() => waiting(server)).toBe(1);
    await must(server.admin("DELETE", "/api/v1/tokens/gone"));
    held[0]!.write(answer);
    await first.ended;
    expect((await revoked).status).toBe(401);
    expect(provider.seen).toHaveLength(1);
    expect((await events(server)).map(({ status }) => status).sort()).toEqual([200, 401, 499]);
  });
});

it("a caller who leaves between two attempts ends the call, and the provider gets no further request", async () => {
  const { server, bearer, provider } = await withProvider(
    (_, connection) => connection.write(reply(503, {}, { "retry-after": "15" })),
    {},
    { pace: systemPace },
  );
  const caller = await postRaw(server.url, bearer, path, question);
  await expect.poll(() => provider.seen.length).toBe(1);
  // The server has read the response when another call is complete.
  await server.admin("GET", "/healthz");
  caller.leave();
  const event = await onlyEvent(server);
  expect(event).toMatchObject({ status: 499, error: "client_closed_request" });
  expect(event.durationMs).toBeLessThan(14_000);
  expect(provider.seen).toHaveLength(1);
});

it.each([
  [{ limits: 5 }, "/extraConfig/limits", "must be an object"],
  [{ limits: { maxconcurrent: 5 } }, "/extraConfig/limits/maxconcurrent", 'did you mean "maxConcurrent"?'],
  [{ limits: { toString: 5 } }, "/extraConfig/limits/toString", "unknown field"],
  [{ limits: { maxConcurrent: 0 } }, "/extraConfig/limits/maxConcurrent", "from 1 to 10000"],
  [{ limits: { maxConcurrent: 10_001 } }, "/extraConfig/limits/maxConcurrent", "from 1 to 10000"],
  [{ limits: { maxConcurrent: 1.5 } }, "/extraConfig/limits/maxConcurrent", "from 1 to 10000"],
  [{ limits: { maxConcurrent: 1, queueSeconds: -1 } }, "/extraConfig/limits/queueSeconds", "from 0 to 3600"],
  [
    { limits: { maxConcurrent: 1, queueSeconds: 3601 } },
    "/extraConfig/limits/queueSeconds",
    "from 0 to 3600",
  ],
  [{ limits: { queueSeconds: 5 } }, "/extraConfig/limits/maxConcurrent", "is required with queueSeconds"],
])("PUT of an llm with extraConfig %j returns 400", async (extraConfig, at, message) => {
  const { server } = await withProvider(goodProvider);
  const { status, body } = await server.admin("PUT", "/api/v1/llms/gpt", { extraConfig });
  expect(status).toBe(400);
  expect(body.details).toEqual([{ path: at, message: expect.stringContaining(message) }]);
});

/** The number of waiting calls, from the metrics. */
async function waiting(server: { admin(method: string, path: string): Promise<{ text: string }> }) {
  const { text } = await server.admin("GET", "/metrics");
  return Number(/^mcpctl_calls_waiting (\d+)$/m.exec(text)?.[1]);
}
