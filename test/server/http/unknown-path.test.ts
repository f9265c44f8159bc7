import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { requestHead, sendRaw } from "../../support/raw-http.ts";
import { testServer } from "../../support/server.ts";

async function withToken() {
  const server = await testServer();
  const token = await server.token("t", [{ role: "run", resource: "llms" }]);
  return { server, ...token };
}

describe("case 119: a client with a wrong base URL", () => {
  it.each([
    ["/chat/completions", "/v1"],
    ["/embeddings", "/v1"],
    ["/responses", "/v1"],
    ["/v1/v1/chat/completions", "/v1"],
    ["/api/v1/chat/completions", "/v1"],
    ["/openai/deployments/gpt/chat/completions", "/v1"],
    ["/v1/chat/completions/", "/v1"],
    ["//v1/chat/completions", "/v1"],
    ["/messages", ""],
    ["/v1/v1/messages", ""],
    ["/anthropic/v1/messages", ""],
  ])("is told the right one: POST %s", async (path, base) => {
    const { server, bearer } = await withToken();
    const head = { authorization: `Bearer ${bearer}`, "content-length": "2" };
    const { status, text } = await sendRaw(server.url, requestHead("POST", path, head), "{}");
    const origin = "http://localhost";
    expect(status).toBe(404);
    const { error } = JSON.parse(text);
    expect(error.message).toContain("there is nothing at this path");
    expect(error.message).toContain(`clients is ${origin}${base}`);
    expect(error.type).toBe("not_found_error");
  });

  it("sees it in the error of OpenAI's SDK", async () => {
    const { server, bearer } = await withToken();
    const client = new OpenAI({ baseURL: server.url, apiKey: bearer, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hi" }];
    const call = client.chat.completions.create({ model: "gpt", messages });
    await expect(call).rejects.toThrow(`the base URL of OpenAI's clients is ${server.url}/v1`);
    await expect(client.models.list()).rejects.toThrow(`${server.url}/v1`);
  });

  it("sees it in the error of Anthropic's SDK", async () => {
    const { server, bearer } = await withToken();
    const client = new Anthropic({ baseURL: `${server.url}/v1`, apiKey: bearer, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hi" }];
    const call = client.messages.create({ model: "gpt", max_tokens: 9, messages });
    await expect(call).rejects.toThrow(`the base URL of Anthropic's clients is ${server.url}`);
  });

  it("is told that the endpoint of a project has no slash at its end", async () => {
    const { server, bearer } = await withToken();
    const { status, body } = await server.as(bearer)("POST", "/projects/p/mcp/", {});
    expect([status, body.hint]).toEqual([
      404,
      "the path for MCP clients ends with /mcp, without a slash behind it",
    ]);
    expect((await server.as(bearer)("POST", "/projects/p/other/", {})).body.hint).toBeUndefined();
  });

  it("is told the public URL, if the server has one", async () => {
    const server = await testServer({ publicUrls: ["https://llm.example.org"] });
    const { body } = await server.as()("POST", "/chat/completions", {});
    expect(body.error.message).toContain("https://llm.example.org/v1");
  });

  it.each(["/nothing", "/api/v1/nothing", "/api/v1/llms/x/models", "/api/v1/threads/x/messages/more"])(
    "is not guessed from %s",
    async (path) => {
      const { call } = await withToken();
      const { status, body } = await call("GET", path);
      expect([status, body]).toMatchObject([
        404,
        { error: "there is nothing at this path", code: "not_found" },
      ]);
      expect(body.hint).toBeUndefined();
    },
  );

  it("reaches no route by another spelling (T44)", async () => {
    const { server } = await withToken();
    for (const path of [
      "/v1/models/",
      "//v1/models",
      "/V1/models",
      "/v1%2fmodels",
      "/v1/Models",
      "/v1;x/models",
    ]) {
      const { status } = await sendRaw(server.url, requestHead("GET", path, {}));
      expect(status, path).toBe(404);
    }
  });
});

describe("case 119: a path that is not served", () => {
  it.each([
    ["/v1/uploads", "files are uploaded whole, with POST /v1/files"],
    ["/v1/responses/compact", "send the whole conversation"],
    ["/v1/responses/resp_1/nothing", "calls: "],
    ["/v1/assistants", "is not served"],
    ["/v1/realtime", "WebSocket"],
    ["/v1/nothing", "calls: "],
    ["/v1/models/gpt:generateContent", "Gemini's own API"],
  ])("says why, and what is there instead: %s", async (path, hint) => {
    const { call } = await withToken();
    const { status, body } = await call("POST", path, {});
    expect([status, body.error.type]).toEqual([404, "not_found_error"]);
    expect(body.error.message).toContain(hint);
    if (path.startsWith("/v1/messages")) expect(body.type).toBe("error");
  });

  it.each(["/api/chat", "/api/tags", "/v1beta/models/gpt:generateContent"])(
    "of another API says so: %s",
    async (path) => {
      const { call } = await withToken();
      const { status, body } = await call("POST", path, {});
      expect([status, body.hint]).toEqual([404, expect.stringContaining("own API is not served")]);
    },
  );

  it("lists all calls, with no path of the administration among them", async () => {
    const { call } = await withToken();
    const { message } = (await call("POST", "/v1/nothing", {})).body.error;
    for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/models"])
      expect(message).toContain(path);
    expect(message).not.toContain("/api");
  });
});

it.each([
  ["GET", "/v1/chat/completions", "POST"],
  ["DELETE", "/v1/messages", "POST"],
  ["POST", "/v1/models", "GET, HEAD"],
  ["PUT", "/v1/models/gpt", "GET, HEAD"],
])("case 119: %s %s returns 405 with the methods that the path takes", async (method, path, allow) => {
  const { call } = await withToken();
  const { status, body, headers } = await call(method, path, method === "GET" ? undefined : {});
  expect([status, headers.get("allow")]).toEqual([405, allow]);
  expect(body.error.message).toBe(`${path} takes ${allow}, not ${method}`);
});

it.each(["/", "/v1"])(
  "GET %s tells the base URLs without a login, and nothing of the catalogue",
  async (path) => {
    const { server } = await withToken();
    await server.admin("POST", "/api/v1/llms?probe=false", { name: "hidden", type: "openai", model: "m" });
    const { status, text, headers } = await server.as()("GET", path);
    expect([status, headers.get("content-type")]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(text).toContain(`Base URL of OpenAI's clients:    ${server.url}/v1\n`);
    expect(text).not.toContain("hidden");
  },
);
