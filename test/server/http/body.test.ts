import { describe, expect, it } from "vitest";
import { llmTypes } from "../../../src/kinds/provider-types.ts";
import { Deadlines } from "../../../src/server/core/deadlines.ts";
import { readText } from "../../../src/server/http/body.ts";
import { requestHead, sendRaw } from "../../support/raw-http.ts";
import { testServer } from "../../support/server.ts";
import { shared } from "../../support/shared.ts";

const llm = { name: "a", type: "openai", model: "m" };
const canary = "sk-canary-0123456789";
const mebibyte = 1024 * 1024;

async function withEditor() {
  const server = await testServer();
  const { bearer, call } = await server.token("editor", [
    { role: "edit", resource: "llms" },
    { role: "run", resource: "llms" },
  ]);
  const post = (body: unknown) => call("POST", "/api/v1/llms?probe=false", body);
  const head = (headers: Record<string, string>, path = "/api/v1/llms?probe=false") =>
    requestHead("POST", path, {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/json",
      ...headers,
    });
  return { server, call, post, head };
}

/** For tests that make nothing. */
const editor = shared(withEditor);

const noMemory = { hold: () => undefined, isWhole() {} };

/** A chunk of a chunked body. */
function chunk(bytes: string): string {
  return `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
}

describe("the type of a body (T62, T74)", () => {
  it.each([
    ["text/plain", 415],
    ["application/x-www-form-urlencoded", 415],
    ["multipart/form-data; boundary=x", 415],
    ["application/jsonp", 415],
    ["text/json", 415],
    ["", 415],
    ["application/json", 201],
    ["application/json; charset=utf-8", 201],
    ["Application/JSON", 201],
    ["application/merge-patch+json", 201],
  ])("%j: %i", async (type, status) => {
    const { server, call } = await withEditor();
    const got = await call("POST", "/api/v1/llms?probe=false", llm, { "content-type": type });
    expect(got.status).toBe(status);
    expect((await server.admin("GET", "/api/v1/llms")).body).toHaveLength(status === 201 ? 1 : 0);
    if (status === 415) expect(got.body).toMatchObject({ code: "unsupported_media_type" });
  });

  it.each(["gzip", "br", "zstd", "x-gzip"])("%s: 415", async (encoding) => {
    const { server, head } = editor();
    const body = Bun.gzipSync(JSON.stringify(llm));
    const { status, text } = await sendRaw(
      server.url,
      head({ "content-encoding": encoding, "content-length": `${body.length}` }),
      body,
    );
    expect([status, JSON.parse(text).error]).toEqual([
      415,
      "compressed bodies are only accepted by calls of models whose body is JSON",
    ]);
  });
});

describe("the size of a body (T59)", () => {
  it("is checked against content-length before a byte is read", async () => {
    const { server, head } = editor();
    for (const size of [4 * mebibyte + 1, 32 * mebibyte + 1, 40 * mebibyte, 1e15]) {
      const { status, text, headers } = await sendRaw(
        server.url,
        head({ "content-length": String(size) }),
        "{",
      );
      expect([status, JSON.parse(text).code]).toEqual([413, "payload_too_large"]);
      expect(headers["x-request-id"]).toMatch(/^req_/);
    }
  });

  it("is counted without content-length, and uses no memory beyond the limit", async () => {
    const { server, head } = editor();
    const piece = chunk(" ".repeat(mebibyte));
    const { status, text } = await sendRaw(
      server.url,
      head({ "transfer-encoding": "chunked" }),
      // An object may have 4 MB. The server closes when it has read more, and no byte may still be on its way.
      ...Array.from({ length: 5 }, () => piece),
    );
    expect([status, JSON.parse(text).code]).toEqual([413, "payload_too_large"]);
  });

  it("returns 413 in the form of the dialect on paths under /v1", async () => {
    const { server, head } = editor();
    const tooLarge = { "content-length": String(64 * mebibyte) };
    const openai = await sendRaw(server.url, head(tooLarge, "/v1/chat/completions"), "{");
    expect([openai.status, JSON.parse(openai.text).error.message]).toEqual([
      413,
      "the body is larger than 32 MB",
    ]);
    const anthropic = await sendRaw(server.url, head(tooLarge, "/v1/messages"), "{");
    expect([anthropic.status, JSON.parse(anthropic.text).type]).toEqual([413, "error"]);
  });

  it("may be 4 MB for an object (T257), and 32 MB for a call", async () => {
    const { post, call } = await withEditor();
    const text = JSON.stringify(llm);
    expect((await post(text + " ".repeat(4 * mebibyte - text.length))).status).toBe(201);
    const words = JSON.stringify({
      model: "none",
      messages: [{ role: "user", content: "x".repeat(31 * mebibyte) }],
    });
    expect((await call("POST", "/v1/chat/completions", words)).status).toBe(404);
  });

  it("may be 8 KB for a question about rights, whose errors repeat it (T257)", async () => {
    const { call } = editor();
    const ask = (verb: string) => call("POST", "/api/v1/auth/can-i", { verb, resource: "llms" });
    expect((await ask("x".repeat(8 * 1024))).status).toBe(413);
    expect((await ask("view")).status).toBe(200);
  });

  it("is refused with two lengths, and with both a length and chunks", async () => {
    const { server, head } = editor();
    const both = await sendRaw(
      server.url,
      head({ "content-length": "2", "transfer-encoding": "chunked" }),
      `${chunk("{}")}0\r\n\r\n`,
    );
    expect(both.status).toBe(400);
    const two = head({ "content-length": "2" }).replace("\r\n\r\n", "\r\ncontent-length: 3\r\n\r\n");
    expect((await sendRaw(server.url, two, "{}x")).status).toBe(400);
  });
});

it.each([
  ["with its length", { "content-length": "10" }],
  ["without", undefined],
])("is given one minute to arrive, %s (T64)", async (_, headers) => {
  let now = 0;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"a":')),
  });
  const request = new Request("http://localhost/", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
  const reading = readText({ request, maxBodyBytes: 1024, body: noMemory }, new Deadlines(() => now));
  now = 60_001;
  await expect(reading).rejects.toMatchObject({ code: "timed_out", status: 408 });
});

describe("a JSON body", () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;

  it("is refused with more than 64 levels, before it is parsed (T60)", async () => {
    const { post, call } = await withEditor();
    const refused = "the body is nested deeper than 64 levels";
    const extra = (levels: number) =>
      `{"name":"a","type":"openai","model":"m","extraConfig":${deep(levels)}}`;
    expect((await post(extra(63))).status).toBe(201);
    expect((await post(extra(64))).body.error).toBe(refused);
    expect((await post("[".repeat(100_000))).body.error).toBe("the body must be a JSON object");
    expect((await post(`{"name":${"[".repeat(1_000_000)}`)).body.error).toBe(refused);
    expect(
      (await call("POST", "/v1/chat/completions", `{"messages":${"[".repeat(100_000)}`)).body.error.message,
    ).toBe(refused);
  });

  it("is refused if an object has a key twice, in whatever spelling (T61)", async () => {
    const { post, server } = await withEditor();
    for (const text of [
      '{"name":"a","name":"b","type":"openai","model":"m"}',
      '{"name":"a","n\\u0061me":"b","type":"openai","model":"m"}',
      '{"name":"a","type":"openai","model":"m","extraConfig":{"x":{"y":1,"y":2}}}',
    ]) {
      const { status, body } = await post(text);
      expect([status, body.error]).toEqual([
        400,
        expect.stringMatching(/^the key "(name|y)" appears twice in one object$/),
      ]);
    }
    expect((await server.admin("GET", "/api/v1/llms")).body).toEqual([]);
    const twice =
      '{"name":"a","type":"openai","model":"m","extraConfig":{"x":{"name":1},"y":["name","name"],"z":"name"}}';
    expect((await post(twice)).status).toBe(201);
  });

  it.each([
    `{"name": "${canary}"`,
    `{"name": ${canary}}`,
    `{"name": "${canary}",}`,
    `{"name": "${canary}"} x`,
    `{"name": "\u0000${canary}"}`,
    `{'name': '${canary}'}`,
    `[{"name": "${canary}"}]`,
    `"${canary}"`,
    `null ${canary}`,
    "",
    " ",
    "{",
    "}",
    '{"a":1}{"b":2}',
    "\ufeff{}",
    "NaN",
  ])("is refused if it is not valid, and neither returned nor logged: %j (T20, T21)", async (text) => {
    const { server, post, call } = editor();
    const answers = [
      await post(text),
      await call("POST", "/v1/chat/completions", text),
      await call("POST", "/api/v1/auth/can-i", text),
    ];
    for (const { status, text: answer } of answers) {
      expect(status).toBe(400);
      expect(answer).not.toContain("canary");
      expect(answer).not.toMatch(/unexpected|token|parse error|position/i);
    }
    expect(server.logged.join()).not.toContain("canary");
  });

  it("is refused if it is not UTF-8", async () => {
    const { server, head } = editor();
    const bytes = Buffer.concat([
      Buffer.from('{"name":"'),
      Buffer.from([0xff, 0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    const { status, text } = await sendRaw(server.url, head({ "content-length": `${bytes.length}` }), bytes);
    expect([status, JSON.parse(text).error]).toEqual([400, "the body is not valid UTF-8"]);
  });

  it("cannot change a prototype (T17)", async () => {
    const { server, post, call } = await withEditor();
    for (const key of ["__proto__", "constructor", "prototype"]) {
      for (const text of [
        `{"name":"a","type":"openai","model":"m","${key}":{"visibility":"private"}}`,
        `{"name":"a","type":"openai","model":"m","extraConfig":{"${key}":{"x":1}}}`,
        `{"name":"a","type":"openai","model":"m","extraConfig":{"deep":[{"${key}":null}]}}`,
        `{"name":"a","type":"openai","model":"m","apiKeyRef":{"name":"s","key":"k","${key}":{}}}`,
      ]) {
        const { status, body } = await post(text);
        expect(status, text).toBe(400);
        expect(body.details[0].path, text).toMatch(new RegExp(`/${key}$`));
      }
    }
    expect((await post(llm)).status).toBe(201);
    expect((await call("PUT", "/api/v1/llms/a", '{"__proto__":{"description":"x"}}')).status).toBe(400);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect((await server.admin("GET", "/api/v1/llms/a")).body).toMatchObject({
      description: "",
      extraConfig: {},
      version: 1,
    });
  });

  it("may have an integer over 2^53", async () => {
    const { post } = await withEditor();
    expect(
      (await post('{"name":"a","type":"openai","model":"m","extraConfig":{"seed":12345678901234567890}}'))
        .status,
    ).toBe(201);
  });
});

describe("the faults of a body", () => {
  it("are all returned at once, each with its path", async () => {
    const { post } = editor();
    const { status, body } = await post({
      name: "A name",
      type: "opnai",
      tier: "slow",
      modle: "m",
      description: "x".repeat(501),
      apiKeyRef: { name: "", kee: "k" },
      extraConfig: [],
      poolName: "-",
      visibility: 1,
    });
    expect([status, body.code]).toEqual([400, "invalid_request"]);
    expect(body.error).toMatch(/^invalid llm: .+ \(and \d+ more\)$/);
    const faults = Object.fromEntries(
      body.details.map((fault: { path: string; message: string }) => [fault.path, fault.message]),
    );
    expect(faults).toEqual({
      "/name": "must be a name: lower-case letters, digits and hyphens, at most 100",
      "/type": `must be one of ${llmTypes.map((type) => `"${type}"`).join(", ")}; did you mean "openai"?`,
      "/model": "is required",
      "/tier": 'must be "fast" or "heavy"',
      "/modle": 'unknown field; did you mean "model"?',
      "/description": "must have at most 500 characters",
      "/apiKeyRef/name": "must not be empty",
      "/apiKeyRef/key": "is required",
      "/apiKeyRef/kee": 'unknown field; did you mean "key"?',
      "/extraConfig": "must be an object",
      "/poolName": "must be a name: lower-case letters, digits and hyphens, at most 100",
      "/visibility": 'must be "public" or "private"',
    });
  });

  it.each([
    [{ ...llm, desciption: "x" }, "/desciption", 'unknown field; did you mean "description"?'],
    [{ ...llm, desciption: null }, "/desciption", 'unknown field; did you mean "description"?'],
    [{ ...llm, zzzzzz: 1 }, "/zzzzzz", "unknown field"],
    [{ ...llm, toString: 1 }, "/toString", "unknown field"],
    [{ ...llm, model: null }, "/model", "is required"],
    [{ ...llm, model: 5 }, "/model", "must be a string"],
    [{ ...llm, name: null }, "/name", "must be a name: lower-case letters, digits and hyphens, at most 100"],
    [{ type: "openai", model: "m" }, "/name", "is required"],
    [{ ...llm, type: "vllm" }, "/url", "is required for type vllm"],
    [{ ...llm, url: "ftp://x" }, "/url", "must begin with http:// or https://"],
    [{ ...llm, url: "http://user:pw@x" }, "/url", "must not contain credentials"],
    [{ ...llm, url: "http://169.254.169.254" }, "/url", "points at a link-local or metadata address"],
    [
      { ...llm, extraConfig: { timeouts: { conect: 1 } } },
      "/extraConfig/timeouts/conect",
      'unknown field; did you mean "connect"?',
    ],
    [
      { ...llm, extraConfig: { timeouts: { connect: -1 } } },
      "/extraConfig/timeouts/connect",
      "must be a number above 0 and at most 86400",
    ],
    [
      { ...llm, extraConfig: { allowModelOverride: "yes" } },
      "/extraConfig/allowModelOverride",
      "must be a boolean",
    ],
  ])("%j", async (body, path, message) => {
    const { post } = editor();
    const got = await post(body);
    expect([got.status, got.body.details]).toEqual([400, [{ path, message }]]);
  });
});
