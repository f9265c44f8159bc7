import { describe, expect, it } from "vitest";
import { type Client, must, told } from "../../../support/server.ts";
import { events } from "../setup.ts";
import { addLlm, hello, withPersona } from "./setup.ts";

const ask = (call: Client, name = "reviewer") =>
  call("POST", "/v1/chat/completions", { model: `agent:${name}`, messages: [hello] });

describe("a user cannot give others an llm without run on it (T54)", () => {
  const may = { role: "edit", resource: "agents" };

  it("by creating an agent or changing its llm, and does not learn if that llm exists", async () => {
    const { server, provider } = await withPersona();
    await addLlm(server, { name: "other", url: provider.url });
    const run = { role: "run", resource: "llms", name: "other" };
    const { call } = await server.user("alice", [may, run, { role: "run", resource: "agents" }]);
    const make = (llm: string) => call("POST", "/api/v1/agents", { name: "mine", llm });
    for (const llm of ["gpt", "missing"]) {
      const { status, body } = await make(llm);
      expect([status, body.error]).toEqual([403, `you may not run llm "${llm}"`]);
    }
    await must(make("other"));
    expect((await call("PUT", "/api/v1/agents/mine", { llm: "gpt" })).status).toBe(403);
    await must(ask(call, "mine"));
    expect((await must(call("GET", "/api/v1/agents/mine"))).body).toMatchObject({
      llm: "other",
      owner: "alice",
      origin: "static",
      status: "active",
      version: 1,
    });
    // Users with edit on agents can change the other fields.
    await must(call("PUT", "/api/v1/agents/reviewer", { description: "changed" }));
  });

  it("by a token, or by making a private agent public", async () => {
    const { server } = await withPersona({ visibility: "private" });
    const named = { ...may, name: "reviewer" };
    const { call } = await server.token("t", [may, named, { role: "view", resource: "llms" }]);
    expect((await call("POST", "/api/v1/agents", { name: "mine", llm: "gpt" })).status).toBe(403);
    const opened = await call("PUT", "/api/v1/agents/reviewer", { visibility: "public" });
    expect([opened.status, opened.body.error]).toEqual([403, "making it public needs run on its llm"]);
    await must(call("PUT", "/api/v1/agents/reviewer", { description: "changed" }));
    await must(server.admin("PUT", "/api/v1/agents/reviewer", { visibility: "public" }));
  });

  it("after losing run on the llm: others can no longer call the agent (T55)", async () => {
    const { server, call, provider } = await withPersona();
    const alice = await server.user("alice", [may, { role: "run", resource: "llms" }]);
    await must(alice.call("POST", "/api/v1/agents", { name: "hers", llm: "gpt" }));
    await must(ask(call, "hers"));
    await must(server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: [may] }));
    const lost = await ask(call, "hers");
    const why = 'agent "hers" cannot be called: its owner may not run its llm';
    expect([lost.status, lost.body.error.message]).toEqual([403, why]);
    expect((await must(server.admin("GET", "/api/v1/agents/hers"))).body.status).toBe("inactive");
    // The right of the caller does not count, not even that of the administrator.
    expect((await ask(server.admin, "hers")).status).toBe(403);

    await must(server.admin("DELETE", "/api/v1/users/alice"));
    const gone = await ask(call, "hers");
    expect([gone.status, gone.body.error.message]).toEqual([
      403,
      'agent "hers" cannot be called: its owner is gone',
    ]);
    expect(provider.seen).toHaveLength(1);
    expect((await events(server)).map(({ status }) => status)).toEqual([403, 403, 403, 200]);
  });
});

describe("a public agent over a private llm", () => {
  async function privately() {
    const house = await withPersona({}, { llm: { visibility: "private" } });
    const { server } = house;
    const editor = await server.user("eve", [{ role: "edit", resource: "agents" }]);
    return { ...house, editor: editor.call };
  }

  it("answers users who may run the agent, and does not reveal its llm (T52)", async () => {
    const { server, call, editor } = await privately();
    await must(ask(call));
    const { body: shown } = await must(editor("GET", "/api/v1/agents/reviewer"));
    expect(shown).toMatchObject({ name: "reviewer", status: null, owner: "admin" });
    expect(shown).not.toHaveProperty("llm");
    for (const path of ["/api/v1/agents", "/api/v1/agents/reviewer"])
      expect((await must(editor("GET", path))).text).not.toContain('"gpt"');
    expect((await must(server.admin("GET", "/api/v1/agents/reviewer"))).body).toMatchObject({
      llm: "gpt",
      status: "active",
    });
    for (const path of ["/v1/models", "/api/v1/usage?by=llm"])
      expect((await must(call("GET", path))).text, path).not.toContain('"gpt"');
  });

  it("can be read, edited and put by a user who cannot see the llm", async () => {
    const { server, editor } = await privately();
    const { body: shown } = await must(editor("GET", "/api/v1/agents/reviewer"));
    const { body: same } = await must(editor("PUT", "/api/v1/agents/reviewer", shown));
    expect(same).toEqual(shown);
    const { text } = await must(editor("PUT", "/api/v1/agents/reviewer", { description: "changed" }));
    expect(text).not.toContain('"gpt"');
    expect((await must(server.admin("GET", "/api/v1/agents/reviewer"))).body.llm).toBe("gpt");
    // The agent still prevents the deletion of the llm.
    expect((await server.admin("DELETE", "/api/v1/llms/gpt")).status).toBe(409);
  });

  it("fails without the names of the llm and its pool", async () => {
    const { server, call, provider } = await privately();
    const more = { url: provider.url, visibility: "private", poolName: "hidden-pool" };
    await addLlm(server, { name: "hidden-one", ...more });
    await must(server.admin("PUT", "/api/v1/agents/reviewer", { llm: "hidden-one" }));
    await must(server.admin("PUT", "/api/v1/users/bob", { limits: { costPerDay: 1 } }));
    const unpriced = await ask(call);
    const message = 'agent "reviewer" cannot be called now';
    expect([unpriced.status, unpriced.body.error.message]).toEqual([403, message]);
    expect(unpriced.text).not.toMatch(/hidden|gpt|price/);
    // Users who can see the llm see the error.
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { costPerDay: 1 } }));
    expect((await ask(server.admin)).text).toContain('llm \\"hidden-one\\" has no price');
  });

  it("does not reveal the llm while its workstation agent is not connected", async () => {
    const { server, call } = await withPersona();
    const { body } = await must(
      server.admin("POST", "/api/v1/llms/_provider-register", {
        providers: [{ name: "hidden-one", type: "openai", model: "m", initialStatus: "active" }],
      }),
    );
    expect(body.llms[0]).toMatchObject({ name: "hidden-one", visibility: "private", origin: "virtual" });
    await must(server.admin("PUT", "/api/v1/agents/reviewer", { llm: "hidden-one" }));
    const away = await ask(call);
    expect([away.status, away.body.error.message]).toEqual([503, 'agent "reviewer" cannot be called now']);
    expect(away.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(away.text).not.toContain("hidden");
    expect((await ask(server.admin)).text).toContain("hidden-one");
  });
});

describe("a persona", () => {
  it("that is private does not exist for others, whatever their rights on agents (T52)", async () => {
    const { call, editor, server } = await (async () => {
      const house = await withPersona({ visibility: "private" });
      const { call: editor } = await house.server.user("eve", [{ role: "edit", resource: "agents" }]);
      return { ...house, editor };
    })();
    expect((await must(editor("GET", "/api/v1/agents"))).body).toEqual([]);
    const paths = ["chat", "threads"].map((what) => (name: string) => `/api/v1/agents/${name}/${what}`);
    for (const path of paths) {
      const hidden = await call("POST", path("reviewer"), { messages: [hello] });
      const missing = await call("POST", path("reviewed"), { messages: [hello] });
      expect(hidden.status).toBe(404);
      expect(told({ ...hidden, text: hidden.text.replace("reviewer", "reviewed") })).toEqual(told(missing));
    }
    expect((await ask(call)).status).toBe(404);
    await must(ask(server.admin));
  });

  it("prevents the deletion of its llm, and not of its project", async () => {
    const { server } = await withPersona();
    await must(server.admin("POST", "/api/v1/projects", { name: "shop" }));
    await must(server.admin("PUT", "/api/v1/agents/reviewer", { project: "shop" }));
    const { status, body } = await server.admin("DELETE", "/api/v1/llms/gpt");
    expect([status, body.code, body.error]).toEqual([
      409,
      "still_referenced",
      'llm "gpt" is still used by agent "reviewer"',
    ]);
    await must(server.admin("DELETE", "/api/v1/projects/shop"));
    expect((await must(server.admin("GET", "/api/v1/agents/reviewer"))).body).not.toHaveProperty("project");
    await must(server.admin("DELETE", "/api/v1/agents/reviewer"));
    await must(server.admin("DELETE", "/api/v1/llms/gpt"));
  });

  it("must refer to existing objects, and have valid default parameters", async () => {
    const { server } = await withPersona();
    const put = (fields: object) => server.admin("PUT", "/api/v1/agents/reviewer", fields);
    const faults = async (fields: object) => (await put(fields)).body.details;
    expect(await faults({ llm: "missing" })).toEqual([
      { path: "/llm", message: 'there is no llm "missing"' },
    ]);
    expect(await faults({ project: "missing" })).toEqual([
      { path: "/project", message: 'there is no project "missing"' },
    ]);
    expect(await faults({ llm: null })).toEqual([{ path: "/llm", message: "is required" }]);
    const defaultParams = {
      temprature: 1,
      messages: [],
      model: "m",
      stream: true,
      top_p: 2,
      stop: [],
      seed: 1.5,
    };
    const callers = "is set by each request, not by defaultParams";
    expect(await faults({ defaultParams })).toEqual([
      { path: "/defaultParams/temprature", message: 'unknown field; did you mean "temperature"?' },
      { path: "/defaultParams/messages", message: callers },
      { path: "/defaultParams/model", message: callers },
      { path: "/defaultParams/stream", message: callers },
      { path: "/defaultParams/top_p", message: "must be a number from 0 to 1" },
      { path: "/defaultParams/stop", message: "must be a string or a list of strings" },
      { path: "/defaultParams/seed", message: "must be a whole number" },
    ]);
    expect(await faults({ defaultParams: { max_tokens: 1, max_completion_tokens: 1 } })).toEqual([
      {
        path: "/defaultParams/max_tokens",
        message: "means the same as max_completion_tokens; set one of them",
      },
    ]);
    expect((await must(server.admin("GET", "/api/v1/agents/reviewer"))).body.version).toBe(1);
  });
});
