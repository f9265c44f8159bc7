import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../support/server.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  lastChunk,
  reply,
  type Script,
  type Seen,
  streamHead,
  upstream,
} from "../../support/upstream.ts";

const run = [{ role: "run", resource: "llms" }];
const workers = { count: 2, environment: {} };

/** The answer of a provider, by the model that is asked for. */
const script: Script = ({ body, path }, connection) => {
  const { model, stream } = body ?? {};
  if (model === "refuses")
    return connection.write(
      reply(400, { error: { message: "no such thing", type: "invalid_request_error" } }),
    );
  if (model === "limited")
    return connection.write(reply(429, { error: { message: "slow down" } }, { "retry-after": "3600" }));
  if (model === "breaks") return connection.reset();
  if (model === "odd") return connection.write(reply(200, "not json", { "content-type": "text/plain" }));
  if (path.endsWith("/embeddings"))
    return connection.write(
      reply(200, { data: [{ embedding: [1, 2] }], usage: { prompt_tokens: 3, total_tokens: 3 } }),
    );
  if (!stream) return connection.write(reply(200, chatAnswer("hello")));
  connection.write(streamHead);
  for (const frame of chatFrames(["hel", "lo"], true)) connection.write(chunk(frame));
  if (model === "cut") return connection.reset();
  connection.write(lastChunk);
};

const models = ["answers", "refuses", "limited", "breaks", "odd", "cut"];

/** One server with llms, an alias, a pool, personas and tokens; the names are the same on all. */
async function furnished(url: string, options: object): Promise<{ server: TestServer; bearers: string[] }> {
  const server = await testServer(options);
  const make = (path: string, body: object) => must(server.admin("POST", `/api/v1/${path}`, body));
  await make("secrets", { name: "key", data: { k: "sk-of-the-provider" } });
  const apiKeyRef = { name: "key", key: "k" };
  for (const model of models)
    await make("llms?probe=false", { name: model, type: "openai", model, url, apiKeyRef });
  await make("llms?probe=false", {
    name: "translated",
    type: "openai",
    model: "answers",
    url: `${url}/v1`,
    apiKeyRef,
  });
  await make("llms?probe=false", {
    name: "queued",
    type: "openai",
    model: "answers",
    url,
    limits: { maxConcurrent: 1 },
  });
  await make("llms?probe=false", { name: "nokey", type: "openai", model: "answers", url, apiKeyRef });
  await make("llms?probe=false", { name: "member", poolName: "pool", type: "openai", model: "answers", url });
  await make("agents", { name: "helper", llm: "answers", systemPrompt: "Be brief." });
  const bearers = ["", "nonsense"];
  bearers.push((await server.token("runs", run)).bearer);
  bearers.push((await server.token("views", [{ role: "view", resource: "llms" }])).bearer);
  bearers.push((await server.token("one", [{ role: "run", resource: "llms", name: "answers" }])).bearer);
  return { server, bearers };
}

const messages = [{ role: "user", content: "hi" }];
const paths: Record<string, object> = {
  "/v1/chat/completions": { messages },
  "/v1/messages": { messages, max_tokens: 10 },
  "/v1/messages/count_tokens": { messages },
  "/v1/embeddings": { input: "hi" },
  "/v1/completions": { prompt: "hi" },
  "/v1/moderations": { input: "hi" },
  "/v1/responses": { input: "hi", store: false },
};
const names = [...models, "translated", "queued", "nokey", "pool", "agent:helper", "Answers", "unknown", ""];

/** Bodies that are wrong, or unusual. */
const odd: (string | Uint8Array)[] = [
  "",
  "{",
  "[]",
  "null",
  '{"model":7}',
  '{"model":"answers"}',
  '{"model":"answers","model":"refuses","messages":[]}',
  '{"model":"answers","messages":[{"role":"user","content":"\\ud800"}]}',
  `{"model":"answers","messages":${"[".repeat(3000)}${"]".repeat(3000)}}`,
  JSON.stringify({ model: "answers", messages, Stream: true }),
  JSON.stringify({ model: "answers", messages, n: 2, temperature: 9, unknown: { field: 1 } }),
  JSON.stringify({ model: "answers", messages: [{ role: "user", content: "x".repeat(300_000) }] }),
];

interface Shape {
  path: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer>;
}

/** Every shape of request, of which each server gets the same. */
function* shapes(bearers: readonly string[]): Generator<Shape> {
  const json = { "content-type": "application/json" };
  const by = (bearer = "") => ({ ...json, ...(bearer && { authorization: `Bearer ${bearer}` }) });
  for (const [path, rest] of Object.entries(paths))
    for (const model of names)
      for (const stream of [false, true]) {
        // These are tried again, which takes its time.
        if (["breaks", "limited"].includes(model) && (stream || !path.includes("chat"))) continue;
        yield {
          path,
          headers: by(bearers[2]),
          body: JSON.stringify({ model, ...rest, ...(stream && { stream }) }),
        };
      }
  for (const bearer of bearers)
    for (const model of ["answers", "translated", "queued", "unknown"])
      for (const path of ["/v1/chat/completions", "/v1/messages"])
        yield { path, headers: by(bearer), body: JSON.stringify({ model, ...paths[path] }) };
  for (const body of odd)
    for (const path of Object.keys(paths)) yield { path, headers: by(bearers[2]), body: body as string };
  const body = JSON.stringify({ model: "answers", messages });
  const path = "/v1/chat/completions";
  const bearer = bearers[2];
  const headers: Record<string, string>[] = [
    { "content-type": "text/plain" },
    { "content-encoding": "gzip" },
    { "content-encoding": "br" },
    { origin: "https://evil.example" },
    { authorization: "Basic eDp5" },
    { authorization: "", "x-api-key": bearer! },
    { "x-mcpctl-hops": "99" },
    { "x-request-id": "mine" },
    { "anthropic-version": "2023-06-01" },
    { "anthropic-beta": "tools-2024" },
    { expect: "100-continue" },
    { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  ];
  for (const more of headers) yield { path, headers: { ...by(bearer), ...more }, body };
  yield { path, headers: { ...by(bearer), "content-encoding": "gzip" }, body: gzipSync(body) };
  yield { path: `${path}?x=1`, headers: by(bearer), body };
  yield { path: "/api/v1/llms/answers/infer", headers: by(bearer), body: JSON.stringify({ messages }) };
}

/** Returns a response as its caller sees it, without what differs from one request to the next. */
async function seenBy(url: string, { path, headers, body }: Shape) {
  const response = await fetch(url + path, { method: "POST", headers, body });
  const text = await response.text().catch((error: Error) => `cut: ${error.name}`);
  const { "x-request-id": id = "", date: _, ...rest } = Object.fromEntries(response.headers);
  // Ids have different lengths.
  if (text.includes("req_")) delete rest["content-length"];
  return JSON.parse(
    JSON.stringify({ status: response.status, headers: rest, text })
      .replaceAll(id, "REQUEST")
      .replaceAll(/req_[0-9a-z]+/g, "REQUEST")
      .replaceAll(/(created|created_at|completed_at)\\":\d+/g, "TIME")
      .replaceAll(/(msg|chatcmpl|resp|item|rs|fc|call)_?-?[0-9a-f]{16,}/g, "ID"),
  );
}

/** A request as its provider sees it, without the port. */
const asSeen = ({ method, path, headers: { host: _, ...headers }, text }: Seen) => ({
  method,
  path,
  headers,
  text,
});

describe("a server with workers", () => {
  it("answers every shape of request as one without, and asks providers and records the same", async () => {
    const provider = upstream(script);
    const [alone, many] = await Promise.all([
      furnished(provider.url, {}),
      furnished(provider.url, { workers }),
    ]);
    const shapesOf = (one: typeof alone) => [...shapes(one.bearers)];
    const [first, second] = [shapesOf(alone), shapesOf(many)];
    expect(first.length).toBeGreaterThanOrEqual(300);
    for (const [at, shape] of first.entries()) {
      const before = provider.seen.length;
      const expected = await seenBy(alone.server.url, shape);
      const between = provider.seen.length;
      const got = await seenBy(many.server.url, second[at]!);
      const name = `${shape.path} ${JSON.stringify(shape.headers)} ${String(shape.body).slice(0, 200)}`;
      expect(got, name).toEqual(expected);
      const asked = provider.seen.slice(before, between).map(asSeen);
      expect(provider.seen.slice(between).map(asSeen), name).toEqual(asked);
      provider.seen.length = 0;
    }
    for (const kept of [recorded, counted, used])
      expect(await kept(many.server)).toEqual(await kept(alone.server));
  }, 120_000);
});

/** The audit events of a server, without ids and times. */
async function recorded(server: TestServer): Promise<object[]> {
  const { body } = await must(server.admin("GET", "/api/v1/audit?limit=1000"));
  return (body as Record<string, unknown>[]).map((event) =>
    Object.fromEntries(
      Object.entries(event)
        .filter(([name]) => !/^id$|Id$|^at$/.test(name))
        .map(([name, value]) => [name, withoutTimes(name, value)]),
    ),
  );
}

function withoutTimes(name: string, value: unknown): unknown {
  if (/Ms$/.test(name)) return value !== undefined;
  if (name !== "detail") return value;
  return JSON.stringify(value)
    .replaceAll(/"(\w+Ms|id)":("\w+"|\d+)/g, "")
    .replaceAll(/"phases":\{[^}]*\}/g, "");
}

const calls =
  /^(mcpctl_http_requests_total.*(chat|messages|embeddings)|gen_ai\w+_(count|usage_sum)|mcpctl_calls_in_flight|mcpctl_call_retries)/;

/** The metrics of calls of a server, without their durations. */
async function counted(server: TestServer): Promise<string[]> {
  const { text } = await must(server.admin("GET", "/metrics"));
  return text
    .split("\n")
    .filter((line) => calls.test(line))
    .sort();
}

/** Returns the usage of a server, without ids. */
async function used(server: TestServer): Promise<string> {
  return (await must(server.admin("GET", "/api/v1/usage"))).text.replaceAll(
    /(tok|usr|token|user)_[0-9a-z]+/g,
    "",
  );
}
