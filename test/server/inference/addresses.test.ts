import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound } from "../../../src/net/outbound.ts";
import { recordedJson } from "../../adapters/translation/streams.ts";
import { must, testServer } from "../../support/server.ts";
import { shared } from "../../support/shared.ts";
import { chatAnswer, goodProvider, reply, type Script, upstream } from "../../support/upstream.ts";
import { canary, question, withProvider } from "./setup.ts";

const chat = "/v1/chat/completions";
const llm = { name: "gpt", type: "openai", model: "up" };
const limits = { connect: 60_000, firstByte: 60_000, silence: 60_000 };

describe("POST and PUT of an llm with a forbidden url", () => {
  const withLlm = shared(async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    return server;
  });

  it.each([
    ...["file:///etc/passwd", "data:application/json,{}", "s3://bucket/key", "blob:http://x/1"].map(
      (url) => [url, "T01"] as const,
    ),
    ...["ftp://host/", "unix:///run/x.sock", "javascript:1", "localhost:11434", "//host", "http://"].map(
      (url) => [url, "T01"] as const,
    ),
    ...["http://169.254.169.254", "http://2852039166/", "http://0xa9fea9fe", "http://169.254.43518"].map(
      (url) => [url, "T03"] as const,
    ),
    ...["http://[::ffff:169.254.169.254]", "http://[::ffff:a9fe:a9fe]", "http://[fd00:ec2::254]"].map(
      (url) => [url, "T03"] as const,
    ),
    ...["http://[fe80::1]", "http://[FEBF::1]", "http://100.100.100.200", "http://192.0.0.192"].map(
      (url) => [url, "T03"] as const,
    ),
    ...["http://metadata.google.internal", "https://METADATA.google.internal./x", "http://metadata"].map(
      (url) => [url, "T03"] as const,
    ),
    ...[`http://user:${canary}@host`, `https://${canary}@host`].map((url) => [url, "T07"] as const),
    ...["http://host/?key=1", "http://host/#a"].map((url) => [url, "T07"] as const),
  ])("returns 400 for %s, at create and at update (%s)", async (url) => {
    const server = withLlm();
    const refused = { status: 400, body: { code: "invalid_request", details: [{ path: "/url" }] } };
    const created = await server.admin("POST", "/api/v1/llms", { ...llm, name: "other", url });
    expect(created).toMatchObject(refused);
    expect(created.text).not.toContain(canary);
    const updated = await server.admin("PUT", "/api/v1/llms/gpt", { url });
    expect(updated).toMatchObject(refused);
    expect((await server.admin("GET", "/api/v1/llms/gpt")).body).toMatchObject({ url: "", version: 1 });
    expect(JSON.stringify([updated.text, server.logged])).not.toContain(canary);
  });

  it.each(["2130706433", "0x7f.1", "127.1", "①②⑦.0.0.1", "0177.0.0.1"])(
    "http://%s is the loopback address, and stored as such (T02)",
    async (host) => {
      const { call, provider, server } = await withProvider(goodProvider);
      const { port } = new URL(provider.url);
      const url = `http://${host}:${port}/v1/`;
      expect((await must(server.admin("PUT", "/api/v1/llms/gpt", { url }))).body.url).toBe(provider.url);
      expect((await call("POST", chat, question)).status).toBe(200);
      expect(provider.seen[0]?.path).toBe(chat);
    },
  );
});

describe("a call to a provider whose name resolves to a forbidden address (T05)", () => {
  const answers: Script = (_, connection) => connection.write(reply(200, "{}", { connection: "close" }));

  /** Calls a provider by a name that resolves to the given addresses. */
  function byName(resolve: () => string[]) {
    const provider = upstream(answers);
    const outbound = createOutbound({ resolve: async () => resolve() });
    onTestFinished(() => outbound.close());
    const url = new URL(`http://provider.test:${new URL(provider.url).port}/v1/models`);
    const options = { method: "GET", headers: {}, timeouts: limits } as const;
    return { provider, call: () => outbound(url, options) };
  }

  it.each([
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
  ])("sends nothing to %s", async (address) => {
    const { call, provider } = byName(() => [address]);
    await expect(call()).rejects.toMatchObject({ kind: "refused" });
    expect(provider.seen).toEqual([]);
  });

  it("sends nothing if only one of several addresses is forbidden", async () => {
    const { call, provider } = byName(() => ["127.0.0.1", "169.254.169.254"]);
    await expect(call()).rejects.toMatchObject({ kind: "refused" });
    expect(provider.seen).toEqual([]);
  });

  it("resolves the name again for each connection", async () => {
    const later = ["127.0.0.1", "169.254.169.254", "127.0.0.1"];
    const { call, provider } = byName(() => [later.shift()!]);
    expect((await call()).status).toBe(200);
    await expect(call()).rejects.toMatchObject({ kind: "refused" });
    expect((await call()).status).toBe(200);
    expect(provider.seen).toHaveLength(2);
    expect(later).toEqual([]);
  });
});

describe("a redirect of a provider (T06)", () => {
  it.each([301, 302, 303, 307, 308])("of status %i is not followed", async (status) => {
    const elsewhere = upstream(goodProvider);
    const { call, server, provider } = await withProvider((_, connection) =>
      connection.write(reply(status, "", { location: `${elsewhere.url}/v1/chat/completions` })),
    );
    for (const body of [question, { ...question, stream: true }]) {
      const answer = await call("POST", chat, body);
      expect([answer.status, answer.headers.get("location")]).toEqual([502, null]);
      expect(answer.text).not.toContain(elsewhere.url);
    }
    const { body } = await server.admin("POST", "/api/v1/llms", {
      ...llm,
      name: "probed",
      url: provider.url,
    });
    expect(body.probe).toEqual({
      ok: false,
      message: `the provider redirected (${status}); redirects are not followed`,
    });
    expect(elsewhere.seen).toEqual([]);
  });
});

describe("a call goes to the provider only, whatever is in", () => {
  it.each(["openai", "anthropic"])("the url of an image, for a provider of type %s (T08)", async (type) => {
    let connections = 0;
    const trap = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open() {
          connections++;
        },
        data() {},
      },
    });
    onTestFinished(() => trap.stop(true));
    const { call, provider } = await withProvider(
      (request, connection) =>
        connection.write(
          reply(200, recordedJson(request.path === chat ? "openai/text.json" : "anthropic/text.json")),
        ),
      { type },
    );
    const url = `https://127.0.0.1:${trap.port}/cat.png`;
    const chatContent = [{ type: "image_url", image_url: { url } }];
    const messagesContent = [{ type: "image", source: { type: "url", url } }];
    const ask = (path: string, content: object[]) =>
      call("POST", path, { model: "gpt", max_tokens: 9, messages: [{ role: "user", content }] });
    expect((await ask(chat, chatContent)).status).toBe(200);
    expect((await ask("/v1/messages", messagesContent)).status).toBe(200);
    expect(provider.seen.map(({ text }) => text.includes(url))).toEqual([true, true]);
    expect(connections).toBe(0);
  });

  it("the extraConfig of the llm, such as headers and request fields (T16, T18)", async () => {
    const elsewhere = upstream(goodProvider);
    const headers = {
      host: "elsewhere",
      authorization: "Bearer mine",
      "content-length": "1",
      connection: "close",
      cookie: "a=b",
    };
    const extraConfig = {
      ...headers,
      headers,
      model: "other",
      stream: true,
      base_url: elsewhere.url,
      url: elsewhere.url,
    };
    const { call, provider } = await withProvider(goodProvider, { extraConfig });
    expect((await call("POST", chat, question)).status).toBe(200);
    const [seen] = provider.seen;
    expect(seen!.body).toEqual({ ...question, model: "up" });
    expect(seen!.headers).toMatchObject({
      host: new URL(provider.url).host,
      authorization: `Bearer ${canary}`,
    });
    expect(seen!.headers["cookie"]).toBeUndefined();
    expect(elsewhere.seen).toEqual([]);
  });

  it.each(["__proto__", "constructor", "prototype"])(
    "an extraConfig with the key %s, which is refused at any depth (T17)",
    async (key) => {
      const server = await testServer();
      for (const extra of [`{"${key}":{"polluted":true}}`, `{"a":[{"b":{"${key}":{"polluted":true}}}]}`]) {
        const text = `${JSON.stringify({ ...llm, name: "other" }).slice(0, -1)},"extraConfig":${extra}}`;
        const { status, body } = await server.admin("POST", "/api/v1/llms?probe=false", text);
        expect([status, body.details[0].path]).toEqual([400, expect.stringContaining(key)]);
      }
      expect("polluted" in {}).toBe(false);
    },
  );

  it("the headers of the provider's response (T19)", async () => {
    const headers = {
      "set-cookie": "a=b",
      location: "http://elsewhere",
      "access-control-allow-origin": "*",
      "x-request-id": "theirs",
      server: "theirs",
      "www-authenticate": "Basic",
      "strict-transport-security": "max-age=1",
    };
    const { call } = await withProvider((request, connection) => {
      if (!request.body.stream)
        return connection.write(reply(request.body.status ?? 200, chatAnswer("a"), headers));
      connection.write(
        reply(200, 'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', {
          ...headers,
          "content-type": "text/event-stream",
        }),
      );
    });
    const answers = [
      await call("POST", chat, question),
      await call("POST", chat, { ...question, stream: true }),
      await call("POST", chat, { ...question, status: 418 }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 418]);
    for (const answer of answers) {
      for (const name of Object.keys(headers)) {
        if (name !== "x-request-id") expect(answer.headers.get(name)).toBeNull();
      }
      expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    }
  });
});
