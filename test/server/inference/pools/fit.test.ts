import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { goodProvider, reply, type Script, type Seen, upstream } from "../../../support/upstream.ts";

const chat = "/v1/chat/completions";
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
const say = (content: unknown, more: object = {}) => ({
  model: "pool",
  messages: [{ role: "user", content }],
  ...more,
});
/** A text of about so many tokens. */
const words = (tokens: number) => "word ".repeat(Math.ceil((tokens * 4) / 5));

/** A pool with a member for each set of capabilities. Returns the requests that each gets. */
async function withPool(members: object[], script: Script = goodProvider) {
  const server = await testServer();
  const seen: Seen[][] = [];
  for (const [index, capabilities] of members.entries()) {
    const provider = upstream(script);
    const llm = {
      name: `m${index}`,
      type: "openai",
      model: "m",
      url: provider.url,
      poolName: "pool",
      capabilities,
    };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    seen.push(provider.seen);
  }
  return { server, seen };
}

async function callMany(server: TestServer, body: object, times = 12): Promise<void> {
  for (let call = 0; call < times; call++) await must(server.admin("POST", chat, body));
}

describe("a pool whose members differ (case 113)", () => {
  it("sends a call that does not fit a small member to the others, and short ones to all", async () => {
    const { server, seen } = await withPool([{ contextTokens: 4_000 }, { contextTokens: 100_000 }, {}]);
    await callMany(server, say(words(6_000)));
    expect(seen[0]).toEqual([]);
    for (let calls = 0; seen[0]!.length === 0; calls++) {
      expect(calls).toBeLessThan(100);
      await must(server.admin("POST", chat, say("hi")));
    }
  });

  it("counts the answer that the request asks for, up to what the member gives", async () => {
    const { server, seen } = await withPool([
      { contextTokens: 4_000 },
      { contextTokens: 4_100, maxOutputTokens: 500 },
    ]);
    await callMany(server, say(words(1_000), { max_tokens: 3_500 }));
    expect(seen.map(({ length }) => length)).toEqual([0, 12]);
  });

  it("asks the small one after the others have failed", async () => {
    const failing: Script = (request, connection) =>
      connection.write(reply(request.text.length > 20_000 ? 500 : 200, { error: { message: "broken" } }));
    const { server, seen } = await withPool([{ contextTokens: 4_000 }, { contextTokens: 100_000 }], failing);
    expect((await server.admin("POST", chat, say(words(6_000)))).status).toBe(500);
    expect(seen[1]![0]).toBeDefined();
    expect(seen[0]!.length).toBeGreaterThan(0);
  });

  it("asks the largest where the call fits none", async () => {
    const { server, seen } = await withPool([{ contextTokens: 2_000 }, { contextTokens: 4_000 }]);
    await callMany(server, say(words(6_000)));
    expect(seen.map(({ length }) => length)).toEqual([0, 12]);
  });

  it("sends images to members that are not known to see none", async () => {
    const { server, seen } = await withPool([{ vision: false }, { vision: true }, {}]);
    await callMany(server, say([{ type: "text", text: "look" }, image]));
    await callMany(server, { ...say([{ type: "input_image" }]) });
    expect(seen[0]).toEqual([]);
    // A text about images is none.
    for (let calls = 0; seen[0]!.length === 0; calls++) {
      expect(calls).toBeLessThan(100);
      await must(server.admin("POST", chat, say('{"type":"image_url"}')));
    }
  });

  it("sends images to any member where none is known to see them", async () => {
    const { server, seen } = await withPool([{ vision: false }, { vision: false }]);
    await callMany(server, say([image]), 1);
    expect(seen.flat()).toHaveLength(1);
  });
});

describe("what an llm is known to take (case 114)", () => {
  async function withLlm(script: Script, capabilities: object) {
    const { server, seen } = await withPool([capabilities], script);
    return { call: server.admin, seen: seen[0]! };
  }

  it("lowers the limit of a translated request, and raises none", async () => {
    const { call, seen } = await withLlm(goodProvider, { maxOutputTokens: 1_000 });
    for (const max_tokens of [32_000, 500])
      await must(call("POST", "/v1/messages", say("hi", { max_tokens })));
    expect(seen.map(({ body }) => body.max_tokens)).toEqual([1_000, 500]);
  });

  const overflow: Script = (_, connection) =>
    connection.write(reply(400, { error: { message: "too long", code: "context_length_exceeded" } }));

  it("is told to Claude Code where the provider tells no numbers of an overflow", async () => {
    const { call } = await withLlm(overflow, { contextTokens: 4_000 });
    const { status, body } = await call("POST", "/v1/messages", say(words(6_000), { max_tokens: 10 }));
    expect([status, body.error.type]).toEqual([400, "invalid_request_error"]);
    const [, prompt] = /^prompt is too long: (\d+) tokens > 4000 maximum/.exec(body.error.message) ?? [];
    expect(Number(prompt)).toBeGreaterThan(5_000);
    const { body: short } = await call("POST", "/v1/messages", say("hi", { max_tokens: 10 }));
    expect(short.error.message).toContain("prompt is too long: 4001 tokens > 4000 maximum");
  });

  it("is not invented where nothing is known, nor for other errors", async () => {
    const { call } = await withLlm(overflow, {});
    const { body } = await call("POST", "/v1/messages", say(words(6_000), { max_tokens: 10 }));
    expect(body.error.message).toBe("prompt is too long (too long)");
    const other: Script = (_, connection) => connection.write(reply(400, { error: { message: "no" } }));
    const refused = await withLlm(other, { contextTokens: 4_000 });
    expect(
      (await refused.call("POST", "/v1/messages", say("hi", { max_tokens: 10 }))).body.error.message,
    ).toBe("no");
  });
});
