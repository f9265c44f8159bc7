import { describe, expect, it } from "vitest";
import { recordedJson } from "../../adapters/translation/streams.ts";
import { goodProvider, reply } from "../../support/upstream.ts";
import { canary, question, withProvider } from "./setup.ts";

const request = { ...question, max_tokens: 9 };
const openai = (type: string, code: string) => ({
  error: { message: expect.any(String), type, code, param: null },
});
const anthropic = (type: string) => ({
  type: "error",
  error: { type, message: expect.any(String) },
  request_id: expect.stringMatching(/^req_/),
});
const own = (code: string) => ({
  error: expect.any(String),
  code,
  requestId: expect.stringMatching(/^req_/),
});

describe("errors of a path have the shape of its dialect", () => {
  it.each([
    ["POST", "/v1/chat/completions", openai],
    ["POST", "/v1/embeddings", openai],
    ["GET", "/v1/models", openai],
    ["GET", "/v1/models/gpt", openai],
    ["POST", "/v1/messages", anthropic],
    ["POST", "/api/v1/llms/gpt/infer", (_: string, code: string) => own(code)],
  ])("%s %s returns 401, 403 and 404", async (method, path, shape) => {
    const { server, provider, call } = await withProvider(goodProvider);
    const body = method === "POST" ? request : undefined;
    const none = await server.token("none", [{ role: "view", resource: "projects" }]);
    const missing = path.replace("gpt", "nothing");
    const cases = [
      [await server.as()(method, path, body), 401, "authentication_error", "unauthenticated"],
      [await server.as("mcpctl_nobody")(method, path, body), 401, "authentication_error", "unauthenticated"],
      [await none.call(method, path, body), 403, "permission_error", "forbidden"],
      ...(path === "/v1/models"
        ? []
        : [
            [
              await call(method, missing, body && { ...request, model: "nothing" }),
              404,
              "not_found_error",
              "not_found",
            ] as const,
          ]),
    ] as const;
    for (const [answer, status, type, code] of cases) {
      expect([answer.status, answer.body]).toMatchObject([status, shape(type, code)]);
      expect(Object.keys(answer.body)).toEqual(expect.arrayContaining(Object.keys(shape(type, code))));
      expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
      expect(answer.headers.get("content-type")).toContain("application/json");
      expect(answer.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
    }
    expect(provider.seen).toEqual([]);
  });

  it("a success has the request id too", async () => {
    const { call } = await withProvider(goodProvider);
    const answers = [
      await call("POST", "/v1/chat/completions", request),
      await call("POST", "/v1/chat/completions", { ...request, stream: true }),
      await call("POST", "/v1/messages", request),
      await call("GET", "/v1/models"),
    ];
    const ids = answers.map(({ headers }) => headers.get("x-request-id"));
    expect(ids).toEqual(Array(4).fill(expect.stringMatching(/^req_/)));
    expect(new Set(ids).size).toBe(4);
  });

  it.each([
    ["no model", { messages: request.messages }, "model"],
    ["no messages", { model: "gpt" }, "messages"],
    ["messages that are none", { model: "gpt", messages: "hi" }, "messages"],
  ])("%s returns 400 and the name of the field", async (_, body, param) => {
    const { call, provider } = await withProvider(goodProvider);
    const answer = await call("POST", "/v1/chat/completions", body);
    expect([answer.status, answer.body.error]).toEqual([
      400,
      { message: `${param} is required`, type: "invalid_request_error", code: "invalid_request", param },
    ]);
    const other = await call("POST", "/v1/messages", body);
    expect([other.status, other.body.error]).toEqual([
      400,
      { type: "invalid_request_error", message: `${param} is required` },
    ]);
    expect(provider.seen).toEqual([]);
  });
});

describe("the headers to the provider", () => {
  const settled = { "anthropic-version": "2099-01-01", "anthropic-beta": 'a-2025-01-01,b , c="d"' };
  const callers = {
    ...settled,
    cookie: "session=1",
    "user-agent": "a-caller",
    "x-forwarded-for": "10.0.0.1",
    "openai-organization": "org-1",
    "x-anything": "else",
  };
  const answering = (type: string) =>
    withProvider(
      ({ path }, connection) => {
        const recording = path === "/v1/messages" ? "anthropic/text.json" : "openai/text.json";
        connection.write(reply(200, recordedJson(recording)));
      },
      { type },
    );
  const always = ["accept-encoding", "content-length", "content-type", "host", "x-mcpctl-hops"];

  it("include the caller's headers of the dialect, unchanged, and no others", async () => {
    const { provider, call } = await answering("anthropic");
    await call("POST", "/v1/messages", request, callers);
    await call("POST", "/v1/messages", request);
    const [withBeta, usual] = provider.seen;
    expect(withBeta!.headers).toMatchObject({ ...settled, "x-api-key": canary });
    expect(usual!.headers["anthropic-version"]).toBe("2023-06-01");
    const names = [...always, "anthropic-version", "x-api-key"];
    expect(Object.keys(usual!.headers).sort()).toEqual(names.sort());
    expect(Object.keys(withBeta!.headers).sort()).toEqual([...names, "anthropic-beta"].sort());
  });

  it.each([
    [
      "a chat caller, a provider of Anthropic's",
      "anthropic",
      "/v1/chat/completions",
      ["anthropic-version", "x-api-key"],
    ],
    ["a messages caller, a provider of OpenAI's", "openai", "/v1/messages", ["authorization"]],
    ["a chat caller, a provider of OpenAI's", "openai", "/v1/chat/completions", ["authorization"]],
  ])("include no header of the caller for %s", async (_, type, path, names) => {
    const { provider, call } = await answering(type);
    expect((await call("POST", path, request, callers)).status).toBe(200);
    const { headers } = provider.seen[0]!;
    expect(Object.keys(headers).sort()).toEqual([...always, ...names].sort());
    if (type === "anthropic") expect(headers["anthropic-version"]).toBe("2023-06-01");
  });

  it("are not made from headers that are not plain text, which return 400", async () => {
    const { provider, call } = await answering("anthropic");
    const { status, body } = await call("POST", "/v1/messages", request, { "anthropic-beta": "caf\u00e9" });
    expect([status, body.error.type]).toEqual([400, "invalid_request_error"]);
    expect(provider.seen).toEqual([]);
  });
});
