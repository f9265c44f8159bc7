import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound } from "../../../src/net/outbound.ts";
import { selfTest } from "../../../src/server/core/self-url.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { goodProvider } from "../../support/upstream.ts";
import { canary, events, question, withProvider } from "./setup.ts";

const chat = "/v1/chat/completions";
const running = [{ role: "run", resource: "llms" }];

/** Adds an llm of one server whose provider is another server. */
async function point(from: TestServer, to: TestServer, name: string, model = name): Promise<void> {
  const { bearer } = await to.token(`for-${name}`, running);
  await must(from.admin("POST", "/api/v1/secrets", { name, data: { k: bearer } }));
  const llm = { name, type: "openai", model, url: to.url, apiKeyRef: { name, key: "k" } };
  await must(from.admin("POST", "/api/v1/llms?probe=false", llm));
}

async function callsAt(...servers: TestServer[]): Promise<number> {
  return (await Promise.all(servers.map(events))).flat().length;
}

describe("an llm whose url leads back (T105)", () => {
  it("to its own server is refused with 400 when it is written, by any name of the server", async () => {
    const server = await testServer({ publicUrls: ["https://llm.example.org"] });
    const { port } = new URL(server.url);
    const urls = [
      ...[server.url, `http://localhost:${port}`, `http://[::1]:${port}/v1`, `http://0.0.0.0:${port}`],
      ...[`https://127.0.0.1:${port}`, "https://llm.example.org", "https://LLM.example.org:443/v1/"],
    ];
    const llm = { name: "gpt", type: "openai", model: "gpt" };
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "before" }));
    for (const url of urls) {
      const { status, body } = await server.admin("POST", "/api/v1/llms", { ...llm, url });
      expect([url, status, body.details]).toEqual([
        url,
        400,
        [{ path: "/url", message: "leads to this server itself" }],
      ]);
      expect((await server.admin("PUT", "/api/v1/llms/before", { url })).status).toBe(400);
    }
    const elsewhere = await server.admin("POST", "/api/v1/llms?probe=false", {
      ...llm,
      url: `http://127.0.0.1:${Number(port) === 65_535 ? 1 : Number(port) + 1}`,
    });
    expect(elsewhere.status).toBe(201);
  });

  it("by a name that resolves to its own address is not connected to", async () => {
    const { provider } = await withProvider(goodProvider);
    const isSelf = selfTest([], () => [provider.url]);
    for (const address of ["127.0.0.1", "::1", "127.0.0.9", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]) {
      const outbound = createOutbound({ isSelf, resolve: async () => [address] });
      onTestFinished(() => outbound.close());
      const call = outbound(new URL(`http://alias.test:${new URL(provider.url).port}/v1/models`), {
        method: "GET",
        headers: {},
        timeouts: { connect: 60_000, firstByte: 60_000, silence: 60_000 },
      });
      await expect(call).rejects.toMatchObject({ kind: "refused", cause: { code: "loop_detected" } });
    }
    expect(provider.seen).toEqual([]);
  });

  it("through another server ends after eight servers with 508, and is tried again nowhere", async () => {
    const [a, b] = [await testServer(), await testServer()];
    await point(a, b, "gpt");
    await point(b, a, "gpt");
    const { call } = await a.token("t", running);
    const { status, body } = await call("POST", chat, question);
    expect(status).toBe(508);
    expect(body.error).toMatchObject({
      code: "loop_detected",
      message: expect.stringContaining("the call has passed 8 mcpctl programs and goes no further"),
    });
    // The last server refuses the ninth call, which it records too.
    expect(await callsAt(a, b)).toBe(9);
  });

  it("ends likewise for pools, streams and calls of the other dialect", async () => {
    const [a, b] = [await testServer(), await testServer()];
    for (const name of ["one", "two"]) {
      await point(a, b, name, "gpt");
      await must(a.admin("PUT", `/api/v1/llms/${name}`, { poolName: "gpt" }));
    }
    await point(b, a, "gpt");
    const { call } = await a.token("t", running);
    const stream = await call("POST", chat, { ...question, stream: true });
    expect(stream.status).toBe(508);
    const messages = await call("POST", "/v1/messages", { ...question, max_tokens: 5 });
    expect(messages.status).toBe(508);
    expect(await callsAt(a, b)).toBe(18);
  });
});

describe("the header x-mcpctl-hops", () => {
  it("counts up on the way to a provider, and is not sent to the maker of a type", async () => {
    const { call, provider } = await withProvider(goodProvider);
    await call("POST", chat, question);
    await call("POST", chat, question, { "x-mcpctl-hops": "6" });
    expect(provider.seen.map(({ headers }) => headers["x-mcpctl-hops"])).toEqual(["1", "7"]);
    const { isMakersUrl } = await import("../../../src/adapters/index.ts");
    expect(isMakersUrl("openai", "")).toBe(true);
    expect(isMakersUrl("openai", "https://api.openai.com")).toBe(true);
    expect(isMakersUrl("openai", "https://api.openai.com.example")).toBe(false);
    expect(isMakersUrl("vllm", "http://127.0.0.1:8000")).toBe(false);
  });

  it("that is too large, negative, doubled or not a number gets 508 and sends nothing", async () => {
    const { call, provider } = await withProvider(goodProvider);
    for (const value of ["8", "999", "-1", "1, 1", "1e9", "0x1", "1.5", "many"]) {
      const { status, body } = await call("POST", chat, question, { "x-mcpctl-hops": value });
      expect([value, status, body.error?.code]).toEqual([value, 508, "loop_detected"]);
    }
    expect(provider.seen).toEqual([]);
  });
});

describe("the probe of a new llm", () => {
  const secretWords = "internal wiki of the board";

  it("repeats the words of the provider to administrators only (T107)", async () => {
    const { server, provider } = await withProvider((asked, connection) => {
      const body = JSON.stringify({ error: { message: secretWords } });
      const status = asked.path.startsWith("/locked") ? "401 Unauthorized" : "404 Not Found";
      connection.write(`HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
    const llm = { type: "openai", model: "m", url: provider.url };
    const creator = await server.token("creator", [{ role: "create", resource: "llms" }]);
    const probed = await creator.call("POST", "/api/v1/llms", { ...llm, name: "mine" });
    expect(probed.body.probe).toEqual({ ok: false, message: "the provider answers with status 404" });
    expect(probed.text).not.toContain(secretWords);
    const locked = { ...llm, name: "locked", url: `${provider.url}/locked` };
    expect((await creator.call("POST", "/api/v1/llms", locked)).body.probe).toEqual({
      ok: false,
      message: "the provider wants a key, and this llm has none",
    });
    const told = await server.admin("POST", "/api/v1/llms", { ...llm, name: "theirs" });
    expect(told.body.probe).toEqual({ ok: false, message: secretWords });
    expect(told.text).not.toContain(canary);
  });
});
