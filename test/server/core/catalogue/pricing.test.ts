import { describe, expect, it } from "vitest";
import { type Answer, must, type TestServer, testServer } from "../../../support/server.ts";

const rights = [
  { role: "edit", resource: "llms" },
  { role: "edit", resource: "secrets" },
  { role: "expose", resource: "secrets" },
];
const provider = "https://provider.example/v1";
const price = { input: 1, output: 10 };
const key = { name: "key", key: "k" };

/** An llm with a price, one of the price list and one that is free, all of the administrator; Alice has a limit in dollars. */
async function withLimit(limits: object = { costPerDay: 1 }) {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: "sk" } }));
  const add = (name: string, fields: object) =>
    must(server.admin("POST", "/api/v1/llms?probe=false", { name, model: "m", ...fields }));
  await add("gpt", { type: "openai", url: provider, price, apiKeyRef: key });
  await add("listed", { type: "openai", model: "gpt-5.4" });
  await add("here", { type: "openai", url: "http://127.0.0.1:9999", price });
  await add("home", { type: "vllm", url: "http://10.0.0.9:8000" });
  const { call } = await server.user("alice", rights);
  await must(call("POST", "/api/v1/secrets", { name: "own", data: { k: "sk" } }));
  await must(server.admin("PUT", "/api/v1/users/alice", { limits }));
  return { server, call };
}

type Act = (call: TestServer["admin"]) => Promise<Answer>;

let made = 0;
const create = (fields: object) => (call: TestServer["admin"]) =>
  call("POST", "/api/v1/llms?probe=false", { name: `new-${++made}`, type: "openai", model: "m", ...fields });
const update = (name: string, fields: object) => (call: TestServer["admin"]) =>
  call("PUT", `/api/v1/llms/${name}`, fields);

describe("a user with a limit in dollars (T114)", () => {
  it("cannot lower what calls cost, which an administrator can", async () => {
    const { server, call } = await withLimit();
    const before = (await server.admin("GET", "/api/v1/llms")).body;
    const lowering: Record<string, Act> = {
      "set the price of an llm to zero": update("gpt", { price: { input: 0, output: 0 } }),
      "lower one part of a price": update("gpt", { price: { input: 5, output: 9 } }),
      "lower the price of cached input": update("gpt", { price: { ...price, cachedInput: 0.1 } }),
      "lower the price of writing the cache": update("gpt", { price: { ...price, cacheWrite: 0.5 } }),
      "set lower rates for long prompts": update("gpt", {
        price: { ...price, longContext: { above: 10, input: 0, output: 10 } },
      }),
      "set a price by extraConfig": update("listed", { extraConfig: { price: { input: 0, output: 0 } } }),
      "undercut the price list": update("listed", { price: { input: 1, output: 1 } }),
      "keep a price for another model": update("gpt", { model: "gpt-5.5-pro" }),
      "keep a price for another provider": update("gpt", { url: "https://dearer.example" }),
      "let callers choose the model": update("listed", { allowModelOverride: true }),
      "move a free llm to a provider that bills": update("home", { url: provider }),
      "create an llm with a price of their own": create({ url: "https://other.example", price }),
      "create a free llm with the key of somebody else": create({
        type: "vllm",
        url: "http://10.0.0.8",
        apiKeyRef: key,
      }),
      "create a free llm at a provider that bills others": create({
        type: "vllm",
        url: "https://provider.example/x",
      }),
      "create a cheaper model of the list at a provider with a price": create({
        url: provider,
        model: "gpt-5.4-nano",
      }),
      "name the address of a listed provider": create({ type: "vllm", url: "https://api.openai.com" }),
      "write a provider with a dot at its end": create({ type: "vllm", url: "https://provider.example./x" }),
      "write a listed provider with a dot": create({ type: "vllm", url: "https://api.openai.com." }),
      "give this machine another name": create({ type: "vllm", url: "http://localhost:9999" }),
      "create an llm whose callers choose the model": create({
        model: "gpt-5.4-nano",
        allowModelOverride: true,
      }),
    };
    for (const [what, act] of Object.entries(lowering)) {
      const { status, body } = await act(call);
      const why = expect.stringContaining('user "alice" has a limit in dollars that applies to you');
      expect([status, body.error], what).toEqual([403, why]);
    }
    expect((await server.admin("GET", "/api/v1/llms")).body).toEqual(before);
    await must(lowering["set the price of an llm to zero"]!(server.admin));
    await must(lowering["create an llm with a price of their own"]!(server.admin));
  });

  it("can make every other change", async () => {
    const { call } = await withLimit();
    const others: Record<string, Act> = {
      "raise a price": update("gpt", { price: { input: 2, output: 10 } }),
      "edit what costs nothing": update("gpt", {
        tier: "heavy",
        description: "x",
        poolName: "big",
        timeouts: { silence: 9 },
      }),
      "use another model of the price list that costs more": update("listed", { model: "gpt-5.5-pro" }),
      "create an llm of the price list": create({ model: "gpt-5.4-nano" }),
      "create an llm without a price, which they cannot call": create({ url: "https://other.example" }),
      "create a free llm on a machine of theirs": create({
        type: "vllm",
        url: "http://10.0.0.8",
        apiKeyRef: { name: "own", key: "k" },
      }),
    };
    for (const act of Object.values(others)) await must(act(call));
  });

  it("is one by a group or a token, too, and not by a limit on tokens", async () => {
    const { server, call } = await withLimit({ tokensPerDay: 100 });
    const act = update("gpt", { price: { input: 0.5, output: 10 } });
    await must(act(call));
    const { body } = await must(
      server.admin("POST", "/api/v1/tokens", {
        name: "t",
        roleBindings: rights,
        limits: { costPerMonth: 1 },
      }),
    );
    const lower = update("gpt", { price: { input: 0.1, output: 10 } });
    expect((await lower(server.as(body.token))).body.error).toContain('token "t" has a limit in dollars');
    const group = { name: "g", members: ["alice"], limits: { costPerMonth: 1 } };
    await must(server.admin("POST", "/api/v1/groups", group));
    expect((await lower(call)).body.error).toContain('group "g" has a limit in dollars');
  });
});
