import { describe, expect, it } from "vitest";
import { must, testServer } from "../../../support/server.ts";

describe("a call of a mistyped model", () => {
  async function withModels() {
    const server = await testServer();
    for (const [name, fields] of Object.entries({
      gpt: { aliases: ["opus-latest"] },
      member: { poolName: "fast-pool" },
      hidden: { visibility: "private" },
    }))
      await must(
        server.admin("POST", "/api/v1/llms?probe=false", {
          name,
          type: "ollama",
          model: "m",
          url: "http://127.0.0.1:1",
          ...fields,
        }),
      );
    const grants = ["gpt", "member"].map((name) => ({ role: "run", resource: "llms", name }));
    return { server, some: (await server.token("some", grants)).call };
  }
  const chat = (model: string) => ({ model, messages: [{ role: "user", content: "hi" }] });

  it("is told the nearest llm, pool or alias that the caller may run", async () => {
    const { some } = await withModels();
    const wanted = { gtp: "gpt", "fast-pol": "fast-pool", "opus-lastest": "opus-latest" };
    for (const [typed, meant] of Object.entries(wanted)) {
      const { body } = await some("POST", "/v1/chat/completions", chat(typed));
      expect(body.error.message).toBe(`you may not run llm "${typed}" (did you mean "${meant}"?)`);
      const task = await some("POST", "/api/v1/inference-tasks", { llm: typed, request: chat(typed) });
      expect(task.body).toMatchObject({ code: "not_found", hint: `did you mean "${meant}"?` });
      const one = await some("GET", `/v1/models/${typed}`);
      expect(one.body.error.message).toBe(`llm "${typed}" not found (did you mean "${meant}"?)`);
    }
  });

  it("is told nothing about llms that the caller may not run, and the same whether they exist or not (T118)", async () => {
    const { server, some } = await withModels();
    const before = await some("POST", "/v1/chat/completions", chat("hiden"));
    expect(before.body.error.message).toMatch(/^you may not run llm "hiden" \(an administrator can allow it/);
    await must(server.admin("DELETE", "/api/v1/llms/hidden"));
    expect((await some("POST", "/v1/chat/completions", chat("hiden"))).body).toEqual(before.body);
    const everything = await server.token("all", [{ role: "run", resource: "llms" }]);
    const { status, body } = await everything.call("POST", "/v1/chat/completions", chat("gtp"));
    expect([status, body.error.message]).toEqual([404, 'llm "gtp" not found (did you mean "gpt"?)']);
  });
});
