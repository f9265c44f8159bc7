import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { goodProvider, type Seen, upstream } from "../../../support/upstream.ts";
import { lastEvent } from "../setup.ts";

const messages = [{ role: "user", content: "hi" }];
const chat = "/v1/chat/completions";
const run = [{ role: "run", resource: "llms" }];

/** Adds an llm with its own provider. Returns the requests that the provider gets. */
async function add(
  server: TestServer,
  name: string,
  more: object = {},
  call = server.admin,
): Promise<Seen[]> {
  const { url, seen } = upstream(goodProvider);
  const llm = { name, type: "openai", model: `model-of-${name}`, url, ...more };
  await must(call("POST", "/api/v1/llms?probe=false", llm));
  return seen;
}

/** Returns a function that calls a name and tells the provider's model that answered, or the status of the refusal. */
function asker(call: TestServer["admin"], providers: Record<string, Seen[]>) {
  return async (model: string) => {
    const before = Object.values(providers).map(({ length }) => length);
    const { status } = await call("POST", chat, { model, messages });
    const at = Object.values(providers).findIndex(({ length }, index) => length > before[index]!);
    return at < 0 ? status : Object.keys(providers)[at];
  };
}

describe("an alias (case 111)", () => {
  it.each(["gpt-4.1", "qwen3:8b", "meta/llama-3", "Claude.Opus_4@2026", "a+b", "#1"])(
    "%s calls its llm, is listed and is read by its name",
    async (alias) => {
      const server = await testServer();
      const seen = await add(server, "local", { aliases: [alias], capabilities: { contextTokens: 9_000 } });
      const { call } = await server.token("t", run);
      await must(call("POST", chat, { model: alias, messages }));
      expect(seen.map(({ body }) => body.model)).toEqual(["model-of-local"]);
      expect(await lastEvent(server)).toMatchObject({ llm: alias, poolMember: "local", status: 200 });
      const { data } = (await must(call("GET", "/v1/models"))).body;
      expect(data.map(({ id }: { id: string }) => id)).toEqual(["local", alias]);
      const path = `/v1/models/${encodeURIComponent(alias)}`;
      expect((await must(call("GET", path))).body).toMatchObject({ id: alias, context_length: 9_000 });
    },
  );

  it.each([
    "",
    "two words",
    'a"b',
    "a\\b",
    "*a",
    "a*b",
    "a**",
    "ü",
    "a\n",
    "agent:x",
    "anthropic/agent:x",
    "anthropic/*",
  ])("%j is refused", async (alias) => {
    const server = await testServer();
    const llm = { name: "a", type: "openai", model: "m", aliases: [alias] };
    const { status, body } = await server.admin("POST", "/api/v1/llms?probe=false", llm);
    expect([status, body.details?.[0].path]).toEqual([400, "/aliases/0"]);
  });

  it("loses to the name of an llm, and a pattern loses to both; the longest pattern wins", async () => {
    const server = await testServer();
    const providers = {
      rest: await add(server, "rest", { aliases: ["*"] }),
      all: await add(server, "all", { aliases: ["claude-*"] }),
      haiku: await add(server, "haiku", { aliases: ["claude-haiku-*", "claude-haiku-9"] }),
    };
    const exact = await add(server, "exact", { aliases: ["claude-haiku-4.5"] });
    const named = await add(server, "claude-haiku-5");
    const ask = asker(server.admin, { ...providers, exact, named });
    expect(await ask("claude-haiku-5")).toBe("named");
    expect(await ask("claude-haiku-4.5")).toBe("exact");
    expect(await ask("claude-haiku-6-20270101")).toBe("haiku");
    expect(await ask("claude-haiku-9[1m]")).toBe("haiku");
    expect(await ask("claude-")).toBe("all");
    expect(await ask("claude-opus-5")).toBe("all");
    expect(await ask("o3")).toBe("rest");
    expect(await ask("anthropic/claude-haiku-4.5")).toBe("exact");
    // Patterns are not in the list.
    const { data } = (await must(server.admin("GET", "/v1/models"))).body;
    expect(data.filter(({ id }: { id: string }) => id.includes("*"))).toEqual([]);
    // Names that no alias can have fit no pattern: they would stand in the audit log.
    expect(await ask("two words")).toBe(404);
    expect(await ask("x".repeat(201))).toBe(404);
    expect(await ask("agent:nobody")).toBe(404);
  });

  it("of a member calls its pool, as the member's name does; one on several members calls them all", async () => {
    const server = await testServer();
    const members = [
      await add(server, "a", { poolName: "pool", aliases: ["gpt-4.1"] }),
      await add(server, "b", { poolName: "pool", aliases: ["gpt-4.1"] }),
      await add(server, "c", { aliases: ["gpt-4.1"] }),
    ];
    for (let calls = 0; members.some(({ length }) => length === 0); calls++) {
      expect(calls).toBeLessThan(200);
      await must(server.admin("POST", chat, { model: "gpt-4.1", messages }));
    }
  });

  it("reads as missing to those that may not run its llm", async () => {
    const server = await testServer();
    const seen = await add(server, "local", { aliases: ["gpt-4.1", "claude-*"] });
    await add(server, "secret", { visibility: "private", aliases: ["hidden-1"] });
    const other = await add(server, "other", { aliases: ["*"] });
    const { call } = await server.token("t", [{ role: "run", resource: "llms", name: "other" }]);
    const ask = asker(call, { other });
    // The catch-all, as for every name that does not exist.
    for (const name of ["gpt-4.1", "claude-x", "hidden-1", "nothing"]) expect(await ask(name)).toBe("other");
    await must(server.admin("POST", "/api/v1/agents", { name: "p", llm: "local", systemPrompt: "x" }));
    const none = await server.token("none", [{ role: "run", resource: "agents", name: "p" }]);
    const answers = [];
    for (const model of ["gpt-4.1", "hidden-1", "missing"]) {
      const { status, text } = await none.call("POST", chat, { model, messages });
      answers.push([status, text.replaceAll(model, "NAME").replace(/req_\w+/g, "")]);
    }
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
    const bob = await server.user("bob", run);
    expect((await bob.call("GET", "/v1/models/hidden-1")).status).toBe(404);
    expect(seen).toEqual([]);
  });

  it("is a name of its llm at /infer too", async () => {
    const server = await testServer();
    await add(server, "local", { aliases: ["gpt-4.1", "claude-*"] });
    for (const model of ["gpt-4.1", "claude-haiku-4", "local"])
      await must(server.admin("POST", "/api/v1/llms/local/infer", { model, messages }));
    await must(server.admin("POST", "/api/v1/llms/gpt-4.1/infer", { messages }));
    expect((await server.admin("POST", "/api/v1/llms/local/infer", { model: "o3", messages })).status).toBe(
      400,
    );
  });

  it("is gone when it is removed, and a read that is sent back changes nothing", async () => {
    const server = await testServer();
    await add(server, "local", { aliases: ["gpt-4.1"] });
    const shown = (await server.admin("GET", "/api/v1/llms/local")).body;
    expect((await must(server.admin("PUT", "/api/v1/llms/local", shown))).body.version).toBe(1);
    await must(server.admin("PUT", "/api/v1/llms/local", { aliases: [] }));
    expect((await server.admin("POST", chat, { model: "gpt-4.1", messages })).status).toBe(404);
  });
});

describe("names with anthropic/ (case 112)", () => {
  it("are listed to clients of Anthropic's dialect, and can be called by everybody", async () => {
    const server = await testServer();
    await add(server, "local", { aliases: ["meta/llama-3", "claude-x"] });
    await must(server.admin("POST", "/api/v1/agents", { name: "helper", llm: "local", systemPrompt: "x" }));
    const { bearer, call } = await server.token("t", [...run, { role: "run", resource: "agents" }]);
    const headers = { authorization: `Bearer ${bearer}`, "anthropic-version": "2023-06-01" };
    const response = await fetch(`${server.url}/v1/models`, { headers });
    const { data } = (await response.json()) as { data: { id: string; display_name: string }[] };
    const plain = ["local", "meta/llama-3", "claude-x", "agent:helper"];
    const added = ["anthropic/local", "anthropic/meta/llama-3", "anthropic/agent:helper"];
    expect(data.map(({ id }) => id).toSorted()).toEqual([...plain, ...added].toSorted());
    expect(data.find(({ id }) => id === "anthropic/local")?.display_name).toBe("local");
    const others = (await must(call("GET", "/v1/models"))).body.data.map(({ id }: { id: string }) => id);
    expect(others.toSorted()).toEqual(plain.toSorted());
    for (const model of added) await must(call("POST", chat, { model, messages }));
    expect((await must(call("GET", "/v1/models/anthropic/local"))).body.id).toBe("anthropic/local");
    expect((await call("POST", chat, { model: "anthropic/nothing", messages })).status).toBe(404);
    expect((await call("POST", chat, { model: "anthropic/anthropic/local", messages })).status).toBe(404);
  });
});

describe("an alias of others (T125)", () => {
  const create = [{ role: "create", resource: "llms" }];

  /** Alice's llm with an alias and a pattern, and mallory, who may create llms. */
  async function setUp() {
    const server = await testServer();
    const alice = await server.user("alice", [{ role: "edit", resource: "llms" }]);
    await add(
      server,
      "of-alice",
      { aliases: ["gpt-4.1", "claude-haiku-*", "anthropic/claude-x"] },
      alice.call,
    );
    const mallory = await server.user("mallory", create);
    const take = async (call: TestServer["admin"], name: string, aliases?: string[]) => {
      const llm = { name, type: "openai", model: "m", ...(aliases && { aliases }) };
      const { status, body } = await call("POST", "/api/v1/llms?probe=false", llm);
      return status === 201 ? 201 : body.code;
    };
    return { server, alice, mallory, take };
  }

  it.each([
    ["gpt-4.1"],
    ["anthropic/gpt-4.1"],
    ["claude-x"],
    ["of-alice"],
    ["anthropic/of-alice"],
    ["claude-haiku-*"],
    ["claude-haiku-4"],
    ["claude-haiku-4*"],
    ["anthropic/claude-haiku-4"],
    ["*"],
  ])("%s is not taken without rights on her llm", async (alias) => {
    const { take, mallory } = await setUp();
    expect(await take(mallory.call, "mine", [alias])).toBe("name_taken");
  });

  it("does not lose its calls to an llm or pool that is named after it", async () => {
    const { take, mallory, server } = await setUp();
    expect(await take(mallory.call, "claude-haiku-4")).toBe("name_taken");
    const llm = { name: "mine", type: "openai", model: "m", poolName: "claude-haiku-5" };
    expect((await mallory.call("POST", "/api/v1/llms?probe=false", llm)).body.code).toBe("forbidden");
    expect((await server.admin("GET", "/api/v1/llms")).body).toHaveLength(1);
  });

  it("can be taken by its owner and by those with edit, and shorter patterns by anybody: they get no calls of hers", async () => {
    const { take, mallory, alice, server } = await setUp();
    expect(await take(mallory.call, "mine", ["claude-*", "gpt-4.2"])).toBe(201);
    expect(await take(alice.call, "second", ["gpt-4.1", "claude-haiku-4"])).toBe(201);
    expect(await take(server.admin, "third", ["claude-haiku-5*", "*"])).toBe(201);
    expect(await take(alice.call, "fourth", ["second"])).toBe("name_taken");
    const put = (aliases: string[]) => mallory.call("PUT", "/api/v1/llms/mine", { aliases });
    expect((await put(["claude-*", "gpt-4.1"])).status).not.toBe(200);
  });
});
