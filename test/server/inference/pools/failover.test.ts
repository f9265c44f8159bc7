import { describe, expect, it, onTestFinished } from "vitest";
import { payloadsOf } from "../../../adapters/translation/streams.ts";
import { must } from "../../../support/server.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  type Script,
  streamHead,
} from "../../../support/upstream.ts";
import { events, onlyEvent } from "../setup.ts";
import { failing, pool } from "./pool-setup.ts";

const always = Number.POSITIVE_INFINITY;
const status =
  (code: number, headers: Record<string, string> = {}): Script =>
  (_, connection) =>
    connection.write(reply(code, { error: { message: `says ${code}` } }, headers));
const answering =
  (words: string): Script =>
  (_, connection) =>
    connection.write(reply(200, chatAnswer(words)));
const streaming =
  (...frames: string[]): Script =>
  (_, connection) =>
    connection.write(streamHead + chunk(frames.join("")) + lastChunk);
const fault = (error: object) => `data: ${JSON.stringify({ error })}\n\n`;
const [start, word] = chatFrames(["a"], false) as [string, string];
const stream = { stream: true };

describe("an llm on its own", () => {
  it.each([408, 429, 500, 502, 503, 529])("is called three times for status %i", async (code) => {
    const { ask, callCounts, waits, server } = await pool({ a: status(code) });
    expect(await ask({ model: "a" })).toMatchObject({ status: code, text: `says ${code}` });
    expect(callCounts()).toEqual({ a: 3 });
    expect(waits).toEqual([100, 200]);
    expect(await onlyEvent(server)).toMatchObject({ status: code, llm: "a" });
  });

  it.each([400, 409, 413, 422])("is called once for status %i", async (code) => {
    const { ask, callCounts, waits } = await pool({ a: status(code), b: goodProvider });
    expect(await ask({ model: "a" })).toMatchObject({ status: code });
    expect([callCounts(), waits]).toEqual([{ a: 1, b: 0 }, []]);
  });

  it("gets the same bytes in each attempt, and its last response is returned", async () => {
    const script = failing(2, status(503), answering("at last"));
    const { askText, members, server } = await pool({ a: script });
    const text =
      '{ "messages":[{"role":"user","content":"\\u00e9 \u00e9 12345678901234567890"}],"model":"a","x":1e2}';
    const result = await askText(text);
    expect([result.status, result.text]).toEqual([200, JSON.stringify(chatAnswer("at last"))]);
    const sent = members["a"]!.seen.map((seen) => seen.text);
    expect(sent).toEqual(Array(3).fill(text.replace('"model":"a"', '"model":"model-of-a"')));
    expect(await onlyEvent(server)).toMatchObject({ status: 200, promptTokens: 7 });
  });

  it("without a pool is not replaced by others", async () => {
    const { ask, callCounts } = await pool({ a: status(503), b: goodProvider }, { llm: { poolName: null } });
    expect(await ask({ model: "a" })).toMatchObject({ status: 503 });
    expect(await ask({ model: "a" }, "a")).toMatchObject({ status: 503 });
    expect(callCounts()).toEqual({ a: 6, b: 0 });
  });

  it("is called again after retry-after, and not before", async () => {
    const script = failing(1, status(429, { "retry-after": "4" }), goodProvider);
    const { ask, waits } = await pool({ a: script });
    expect(await ask({ model: "a" })).toMatchObject({ status: 200 });
    expect(waits).toEqual([4000]);
  });

  it("with a long retry-after fails at once, and the caller gets retry-after", async () => {
    const { ask, callCounts, waits } = await pool({ a: status(429, { "retry-after": "21" }) });
    expect(await ask({ model: "a" })).toMatchObject({ status: 429, retryAfter: 21 });
    expect([callCounts(), waits]).toEqual([{ a: 1 }, []]);
  });

  it("can send retry-after-ms", async () => {
    const headers = { "retry-after-ms": "1500", "retry-after": "70" };
    const { ask, waits } = await pool({ a: failing(1, status(429, headers), goodProvider) });
    expect(await ask({ model: "a" })).toMatchObject({ status: 200 });
    expect(waits).toEqual([1500]);
  });

  it("that closes without a response is called again; after a timeout it is not", async () => {
    const { ask, callCounts } = await pool({
      a: failing(2, (_, connection) => connection.end(), goodProvider),
    });
    expect(await ask({ model: "a" })).toMatchObject({ status: 200 });
    expect(callCounts()).toEqual({ a: 3 });
    const llm = { timeouts: { firstByte: 0.1 } };
    const slow = await pool({ a: () => {} }, { llm });
    expect(await slow.ask({ model: "a" })).toMatchObject({ status: 504 });
    expect(slow.callCounts()).toEqual({ a: 1 });
  });

  it("is called again if its stream begins with an error, because the caller got nothing yet", async () => {
    const overloaded = streaming(fault({ message: "overloaded", type: "overloaded_error" }));
    const scripts = { a: failing(2, overloaded, goodProvider), b: overloaded };
    const { ask, callCounts } = await pool(scripts, { llm: { poolName: null } });
    const result = await ask({ model: "a", ...stream });
    expect([result.status, result.text]).toEqual([200, chatFrames(["hel", "lo"], false).join("")]);
    expect(await ask({ model: "b", ...stream })).toMatchObject({ status: 529, text: "overloaded" });
    expect(callCounts()).toEqual({ a: 3, b: 3 });
  });
});

describe("a pool", () => {
  it("can be called by the name or the model of any member", async () => {
    const { ask, callCounts } = await pool({ a: status(503), b: goodProvider });
    expect(await ask({ model: "a" })).toMatchObject({ status: 200 });
    for (const model of ["a", "b", "pool", "model-of-a", "", undefined])
      expect(await ask({ model }, "a")).toMatchObject({ status: 200 });
    expect(await ask({ model: "model-of-c" }, "a")).toMatchObject({ status: 400 });
    expect(callCounts()["b"]).toBe(7);
  });

  const wrongs: Record<string, Script> = {
    "says 503": status(503),
    "says 429, with a long wait": status(429, { "retry-after": "3600" }),
    "says 401": status(401),
    "says 403": status(403),
    redirects: status(302, { location: "http://127.0.0.1:1/" }),
    "closes without a word": (_, connection) => connection.end(),
    "closes in the middle of its answer": (_, connection) =>
      connection.end("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"),
    "answers with garbage": (_, connection) => connection.write(reply(200, "<html>")),
  };
  it.each(Object.entries(wrongs))("answers if one member %s", async (_, wrong) => {
    const { ask, callCounts, waits, server, metrics } = await pool({ a: wrong, b: answering("from b") });
    expect(await ask()).toMatchObject({ status: 200, text: JSON.stringify(chatAnswer("from b")) });
    expect([callCounts(), waits]).toEqual([{ a: 1, b: 1 }, []]);
    const event = await onlyEvent(server);
    expect(event).toMatchObject({ status: 200, llm: "pool", poolMember: "b", model: "model-of-b" });
    expect(event.error).toBeUndefined();
    const measured = metrics.render();
    expect(measured).toContain('gen_ai_request_model="b"');
    expect(measured).toMatch(/duration_seconds_count\{.*gen_ai_request_model="b".*\} 1/);
    expect(measured).not.toMatch(/duration_seconds_count\{.*gen_ai_request_model="a"/);
  });

  it("answers if one member cannot be reached, and each member gets its own model name", async () => {
    const { ask, members, server, refresh } = await pool({ a: goodProvider, b: goodProvider });
    const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    gone.stop(true);
    await must(server.admin("PUT", "/api/v1/llms/a", { url: `http://127.0.0.1:${gone.port}` }));
    await refresh();
    expect(await ask()).toMatchObject({ status: 200 });
    expect(members["b"]!.seen.map(({ body }) => body.model)).toEqual(["model-of-b"]);
  });

  it("waits only once for a member whose machine is off, and then leaves it out (failure mode 217)", async () => {
    const { ask, callCounts, server, refresh } = await pool({ a: goodProvider, b: goodProvider });
    let tried = 0;
    const off = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: () => void tried++,
        data() {},
      },
    });
    onTestFinished(() => off.stop(true));
    // Nothing answers the greeting of TLS: no connection opens.
    const silent = { url: `https://127.0.0.1:${off.port}`, timeouts: { connect: 0.2 } };
    await must(server.admin("PUT", "/api/v1/llms/a", silent));
    await refresh();
    for (let call = 0; call < 4; call++) expect(await ask()).toMatchObject({ status: 200 });
    expect(tried).toBe(1);
    expect(callCounts()).toEqual({ a: 0, b: 4 });
  });

  it("whose members all fail is called twice each", async () => {
    const { ask, callCounts, waits } = await pool({ a: status(503), b: status(500) });
    expect(await ask()).toMatchObject({ status: 500 });
    expect(callCounts()).toEqual({ a: 2, b: 2 });
    expect(waits).toEqual([100, 200]);
  });

  it("gets no further attempt if the request is wrong", async () => {
    const { ask, callCounts } = await pool({ a: status(400), b: goodProvider });
    expect(await ask()).toMatchObject({ status: 400, text: "says 400" });
    expect(callCounts()).toEqual({ a: 1, b: 0 });
  });

  it("gets one further attempt after a timeout", async () => {
    const llm = { timeouts: { firstByte: 0.1 } };
    const well = await pool({ a: () => {}, b: goodProvider });
    await must(well.server.admin("PUT", "/api/v1/llms/a", llm));
    await well.refresh();
    expect(await well.ask()).toMatchObject({ status: 200 });
    const dead = await pool({ a: () => {}, b: () => {}, c: goodProvider }, { llm });
    expect(await dead.ask()).toMatchObject({ status: 504 });
    expect(dead.callCounts()).toEqual({ a: 1, b: 1, c: 0 });
  });

  it("tries the next member if a stream begins with an error", async () => {
    const wrong = [
      streaming(fault({ message: "overloaded", type: "overloaded_error" })),
      streaming(": comment\n\n", fault({ message: "something" })),
      streaming("data: [DONE]\n\n"),
      streaming(),
    ];
    for (const script of wrong) {
      const { ask, callCounts, server } = await pool({ a: script, b: goodProvider });
      const result = await ask(stream);
      expect(result.status).toBe(200);
      expect(payloadsOf(result.text).at(-1)).toBe("[DONE]");
      expect(result.text).not.toContain("error");
      expect(callCounts()).toEqual({ a: 1, b: 1 });
      expect(await onlyEvent(server)).toMatchObject({ status: 200, poolMember: "b", streaming: true });
    }
  });

  it("gets no further attempt after the first frame was sent to the caller", async () => {
    for (const frame of [start, word]) {
      const broken = streaming(frame, fault({ message: "overloaded", type: "overloaded_error" }));
      const { ask, callCounts, server } = await pool({ a: broken, b: goodProvider });
      const result = await ask(stream);
      expect(result.status).toBe(200);
      expect(result.text.startsWith(frame)).toBe(true);
      expect(payloadsOf(result.text).slice(1)).toMatchObject([
        { error: { message: "overloaded" } },
        "[DONE]",
      ]);
      expect(callCounts()).toEqual({ a: 1, b: 0 });
      expect(await onlyEvent(server)).toMatchObject({ status: 529, poolMember: "a" });
    }
  });

  it("prefers a busy member with room to one that is full", async () => {
    const held: (() => void)[] = [];
    const script: Script = (request, connection) => void held.push(() => goodProvider(request, connection));
    const { ask, callCounts, server, refresh } = await pool({ a: script, b: script });
    await must(server.admin("PUT", "/api/v1/llms/a", { limits: { maxConcurrent: 1 } }));
    await refresh();
    const calls = [ask({ model: "a" }), ask({ model: "b" }), ask({ model: "b" }), ask(), ask()];
    await expect.poll(callCounts).toEqual({ a: 1, b: 4 });
    for (const answer of held) answer();
    for (const result of await Promise.all(calls)) expect(result.status).toBe(200);
  });

  it("never calls a member that the caller may not run (T51)", async () => {
    const grants = [
      { role: "run", resource: "llms", name: "a" },
      { role: "run", resource: "llms", name: "c" },
    ];
    const { ask, callCounts, server } = await pool(
      { a: status(503), b: goodProvider, c: status(503) },
      { grants },
    );
    expect(await ask()).toMatchObject({ status: 503 });
    expect(callCounts()).toEqual({ a: 2, b: 0, c: 2 });
    expect((await events(server)).length).toBe(1);
  });

  it("skips a member that cannot express the request, and returns 400 if none can", async () => {
    const { ask, callCounts, server, refresh } = await pool({ a: goodProvider, b: goodProvider });
    const { url } = (await must(server.admin("GET", "/api/v1/llms/a"))).body;
    await must(server.admin("DELETE", "/api/v1/llms/a"));
    const claude = { name: "a", type: "anthropic", model: "claude-haiku-4-5", url, poolName: "pool" };
    await must(server.admin("POST", "/api/v1/llms?probe=false", claude));
    await refresh();
    expect(await ask({ logprobs: true })).toMatchObject({ status: 200 });
    expect(callCounts()).toEqual({ a: 0, b: 1 });
    await must(server.admin("DELETE", "/api/v1/llms/b"));
    await refresh();
    expect(await ask({ logprobs: true })).toMatchObject({ status: 400 });
    expect(callCounts()).toEqual({ a: 0, b: 1 });
  });
});

describe("a member that fails", () => {
  it("three times in a row gets no calls for 30 s; then exactly one of 50 calls is its probe", async () => {
    const held: (() => void)[] = [];
    const holding = Promise.withResolvers<void>();
    const script: Script = (request, connection) => {
      held.push(() => answering("a again")(request, connection));
      holding.resolve();
    };
    const { ask, callCounts, clock } = await pool({ a: failing(3, status(503), script), b: answering("b") });
    for (let n = 0; n < 3; n++) expect(await ask()).toMatchObject({ status: 200 });
    expect(callCounts()).toEqual({ a: 3, b: 3 });
    clock.now = 29_999;
    for (let n = 0; n < 10; n++) await ask();
    expect(callCounts()).toEqual({ a: 3, b: 13 });
    clock.now = 30_000;
    const calls = Array.from({ length: 50 }, () => ask());
    await holding.promise;
    await expect.poll(callCounts).toEqual({ a: 4, b: 62 });
    for (const answer of held) answer();
    const answers = await Promise.all(calls);
    expect(answers.filter(({ text }) => text.includes("a again"))).toHaveLength(1);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    // The llm works again. With the random numbers of this test it comes first.
    void ask();
    await expect.poll(callCounts).toEqual({ a: 5, b: 62 });
    held.at(-1)!();
  });

  it("as a probe gets no calls for another 30 s, and another member answers the probe's caller", async () => {
    const { ask, callCounts, clock } = await pool({
      a: failing(always, status(503), goodProvider),
      b: goodProvider,
    });
    for (let n = 0; n < 3; n++) await ask();
    clock.now = 30_000;
    expect(await ask()).toMatchObject({ status: 200 });
    expect(callCounts()).toEqual({ a: 4, b: 4 });
    clock.now = 59_999;
    await ask();
    expect(callCounts()).toEqual({ a: 4, b: 5 });
    clock.now = 60_000;
    await ask();
    expect(callCounts()).toEqual({ a: 5, b: 6 });
  });

  it("is called if no other member is left", async () => {
    const { ask, callCounts } = await pool({
      a: failing(3, status(503), goodProvider),
      b: failing(3, status(503), status(400)),
    });
    expect(await ask()).toMatchObject({ status: 503 });
    expect(callCounts()).toEqual({ a: 2, b: 2 });
    expect(await ask()).toMatchObject({ status: 200 });
  });

  it("with 400 has no cool-down, because the requests are wrong", async () => {
    const { ask, callCounts } = await pool({ a: status(400), b: goodProvider });
    for (let n = 0; n < 5; n++) expect(await ask()).toMatchObject({ status: 400 });
    expect(callCounts()).toEqual({ a: 5, b: 0 });
  });

  it("and is changed is called at once", async () => {
    const { ask, callCounts, server, refresh } = await pool({
      a: failing(3, status(503), goodProvider),
      b: goodProvider,
    });
    for (let n = 0; n < 4; n++) await ask();
    expect(callCounts()).toEqual({ a: 3, b: 4 });
    await must(server.admin("PUT", "/api/v1/llms/a", { description: "mended" }));
    await refresh();
    await ask();
    expect(callCounts()).toEqual({ a: 4, b: 4 });
  });
});
