import { describe, expect, it } from "vitest";
import { Snapshot } from "../../../src/server/core/store/snapshot.ts";
import type { Row } from "../../../src/server/core/store/types.ts";
import { dueForReading } from "../../../src/server/inference/capability-reader.ts";
import { row } from "../../support/row.ts";
import { must, testServer } from "../../support/server.ts";
import { reply, type Script, upstream } from "../../support/upstream.ts";

/** A provider that answers by method and path; 404 for all else. */
const pages =
  (bodies: Record<string, unknown>): Script =>
  ({ method, path }, connection) => {
    const body = bodies[`${method} ${path}`];
    connection.write(body === undefined ? reply(404, {}) : reply(200, body));
  };

/** Creates an llm, with the probe, and returns the answer and what the provider was asked. */
async function create(type: string, bodies: Record<string, unknown>, more: object = {}) {
  const server = await testServer();
  const provider = upstream(pages(bodies));
  const llm = { name: "a", type, model: "m", url: provider.url, ...more };
  const { body } = await must(server.admin("POST", "/api/v1/llms", llm));
  const read = async () => (await server.admin("GET", "/api/v1/llms/a")).body.capabilities;
  return { server, probe: body.probe, provider, read };
}

describe("capabilities that a provider tells when an llm is created (case 110)", () => {
  it.each([
    ["openrouter", { "GET /v1/models": { data: [{ id: "x" }, { id: "m", context_length: 9_000 }] } }, 9_000],
    ["vllm", { "GET /v1/models": { data: [{ id: "m", max_model_len: 8_000 }] } }, 8_000],
    ["anthropic", { "GET /v1/models": { data: [{ id: "m", max_input_tokens: 7_000 }] } }, 7_000],
    [
      "ollama",
      {
        "GET /v1/models": { data: [{ id: "m:latest" }] },
        "POST /api/show": { model_info: { "llama.context_length": 6_000 }, capabilities: ["completion"] },
      },
      6_000,
    ],
    [
      "llama.cpp",
      {
        "GET /v1/models": {
          data: [{ id: "/models/m.gguf", owned_by: "llamacpp", meta: { n_ctx_train: 1 } }],
        },
        "GET /props": { default_generation_settings: { n_ctx: 5_000 } },
      },
      5_000,
    ],
    [
      "openai",
      {
        "GET /v1/models": { data: [{ id: "m", owned_by: "llamacpp" }] },
        "GET /props": { default_generation_settings: { n_ctx: 5_000 } },
      },
      5_000,
    ],
    [
      "lmstudio",
      {
        "GET /v1/models": { data: [{ id: "m" }] },
        "GET /api/v0/models": { data: [{ id: "m", type: "vlm", max_context_length: 4_000 }] },
      },
      4_000,
    ],
  ])("are read from %s", async (type, bodies, contextTokens) => {
    const { probe, read, server } = await create(type, bodies);
    expect(probe.ok).toBe(true);
    expect(await read()).toMatchObject({ contextTokens });
    expect((await server.admin("GET", "/v1/models/a")).body.context_length).toBe(contextTokens);
  });

  it("stand behind those of the llm, and only what differs becomes its own", async () => {
    const list = { "GET /v1/models": { data: [{ id: "m", max_model_len: 8_000 }] } };
    const { server, read } = await create("vllm", list, { capabilities: { vision: true } });
    expect(await read()).toEqual({ contextTokens: 8_000, vision: true });
    const change = (capabilities: object | null) =>
      must(server.admin("PUT", "/api/v1/llms/a", { capabilities }));
    await change({ contextTokens: 8_000, vision: false });
    expect(await read()).toEqual({ contextTokens: 8_000, vision: false });
    await change({ contextTokens: 4_000 });
    expect(await read()).toEqual({ contextTokens: 4_000 });
    await change(null);
    expect(await read()).toEqual({ contextTokens: 8_000 });
    // They are those of another model then.
    await must(server.admin("PUT", "/api/v1/llms/a", { model: "other" }));
    expect(await read()).toBeUndefined();
  });

  it("are none where the provider tells nothing usable, and the probe is right all the same", async () => {
    for (const list of ["not JSON", [], { data: "x" }, { data: [{ id: "m", context_length: "many" }, 7] }]) {
      const { probe, read } = await create("openai", { "GET /v1/models": list });
      expect([probe.ok, await read()]).toEqual([true, undefined]);
    }
  });
});

it("are read once a day, not of llms that agents publish", async () => {
  const day = 24 * 60 * 60 * 1000;
  const llm = (name: string, origin = "static", type = "vllm") =>
    row(`llm_${name}`, "llm", name, {
      spec: { type, model: "m", url: "" },
      status: { origin, status: "active" },
    });
  const rows = [
    llm("new"),
    llm("fresh"),
    llm("old"),
    llm("virtual", "virtual"),
    llm("command", "static", "gemini-cli"),
  ];
  const snapshot = new Snapshot({
    revision: 1,
    rows: rows as unknown as Row[],
    refs: [],
    bearers: [],
    sessions: [],
    lastUsed: [],
    withPassword: [],
  });
  const read = (id: string, at: number) => snapshot.volatile.capabilities.set(id, { capabilities: {}, at });
  read("llm_fresh", 10 * day);
  read("llm_old", 9 * day);
  expect(dueForReading(snapshot, 10 * day + 1).map(({ name }) => name)).toEqual(["new", "old"]);
});
