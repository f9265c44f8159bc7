import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { requestHead, sendRaw } from "../../support/raw-http.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";

const capabilities = { contextTokens: 32_768, maxOutputTokens: 4_096, vision: false, tools: true };

function add(server: TestServer, name: string, more: object = {}) {
  const llm = { name, type: "vllm", url: "http://127.0.0.1:9", model: `model-of-${name}`, ...more };
  return must(server.admin("POST", "/api/v1/llms?probe=false", llm));
}

/** A server with a pool of two llms and one llm alone, and a token that may run all of them. */
async function withModels() {
  const server = await testServer();
  await add(server, "small", { poolName: "house", capabilities });
  await add(server, "large", { poolName: "house", capabilities: { contextTokens: 131_072, vision: true } });
  await add(server, "alone");
  return { server, ...(await server.token("t", [{ role: "run", resource: "llms" }])) };
}

const idsOf = (body: { data: { id: string }[] }) => body.data.map(({ id }) => id).toSorted();

describe("GET /v1/models (case 109)", () => {
  it("lists llms and pools, each once, with what they can do", async () => {
    const { call } = await withModels();
    const { body } = await must(call("GET", "/v1/models"));
    expect(idsOf(body)).toEqual(["alone", "house", "large", "small"]);
    const house = body.data.find(({ id }: { id: string }) => id === "house");
    // A call that one member cannot answer goes to the other.
    expect(house).toMatchObject({
      context_length: 131_072,
      max_input_tokens: 131_072,
      architecture: { input_modalities: ["text", "image"] },
      top_provider: { max_completion_tokens: 4_096 },
    });
    expect(body.data.find(({ id }: { id: string }) => id === "alone")).not.toHaveProperty("context_length");
  });

  it("has a list for Codex beside the others, and only for Codex", async () => {
    const { call, bearer, server } = await withModels();
    const { body } = await must(call("GET", "/v1/models?client_version=0.171.0"));
    expect(body.models.map(({ slug }: { slug: string }) => slug).toSorted()).toEqual(idsOf(body));
    expect((await must(call("GET", "/v1/models"))).body).not.toHaveProperty("models");
    const headers = { authorization: `Bearer ${bearer}`, "user-agent": "codex_cli_rs/0.171.0" };
    const raw = await sendRaw(server.url, requestHead("GET", "/v1/models", headers));
    expect(JSON.parse(raw.text).models).toHaveLength(4);
  });

  it("lists a pool to those that may run a member, with the members that they may run", async () => {
    const { server } = await withModels();
    const { call } = await server.token("one", [{ role: "run", resource: "llms", name: "small" }]);
    const { body } = await must(call("GET", "/v1/models"));
    expect(idsOf(body)).toEqual(["house", "small"]);
    expect((await must(call("GET", "/v1/models/house"))).body.context_length).toBe(32_768);
    expect((await call("GET", "/v1/models/large")).status).toBe(404);
    const none = await server.token("none", [{ role: "run", resource: "llms", name: "alone" }]);
    expect((await none.call("GET", "/v1/models/house")).status).toBe(404);
  });

  it("is read by the SDKs of OpenAI and Anthropic", async () => {
    const { server, bearer } = await withModels();
    const openai = new OpenAI({ apiKey: bearer, baseURL: `${server.url}/v1` });
    const anthropic = new Anthropic({ apiKey: null, authToken: bearer, baseURL: server.url });
    const names = ["alone", "house", "large", "small"];
    expect((await Array.fromAsync(openai.models.list())).map(({ id }) => id).toSorted()).toEqual(names);
    const listed = await Array.fromAsync(anthropic.models.list());
    const shown = [...names.map((name) => `anthropic/${name}`), ...names];
    expect(listed.map(({ id }) => id).toSorted()).toEqual(shown.toSorted());
    expect((await openai.models.retrieve("house")).id).toBe("house");
    expect(await anthropic.models.retrieve("small")).toMatchObject({
      id: "small",
      max_input_tokens: 131_072,
      max_tokens: 4_096,
    });
  });
});

describe("capabilities of an llm", () => {
  it("are set, shown, changed one by one and cleared", async () => {
    const server = await testServer();
    await add(server, "a", { capabilities });
    expect((await server.admin("GET", "/api/v1/llms/a")).body.capabilities).toEqual(capabilities);
    const changed = { ...capabilities, vision: true };
    await must(server.admin("PUT", "/api/v1/llms/a", { capabilities: changed }));
    expect((await server.admin("GET", "/api/v1/llms/a")).body.capabilities).toEqual(changed);
    await must(server.admin("PUT", "/api/v1/llms/a", { capabilities: null }));
    expect((await server.admin("GET", "/api/v1/llms/a")).body.capabilities).toBeUndefined();
  });

  it.each([
    [{ contextTokens: 0 }, "/capabilities/contextTokens"],
    [{ contextTokens: "8k" }, "/capabilities/contextTokens"],
    [{ images: true }, "/capabilities/images"],
  ])("%j is refused", async (wrong, path) => {
    const server = await testServer();
    const llm = { name: "a", type: "openai", model: "m", capabilities: wrong };
    const { status, body } = await server.admin("POST", "/api/v1/llms?probe=false", llm);
    expect([status, body.details[0].path]).toEqual([400, path]);
  });

  it("of a model in the built-in table are in the list, unless the llm says otherwise", async () => {
    const server = await testServer();
    await add(server, "a", { type: "openai", url: "", model: "gpt-4.1" });
    expect((await server.admin("GET", "/v1/models/a")).body.context_length).toBe(1_047_576);
    await must(server.admin("PUT", "/api/v1/llms/a", { capabilities: { contextTokens: 64_000 } }));
    expect((await server.admin("GET", "/v1/models/a")).body.context_length).toBe(64_000);
  });
});
