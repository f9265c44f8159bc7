import { describe, expect, it } from "vitest";
import { type Client, must, testServer, told } from "../../../support/server.ts";
import { chatAnswer, goodProvider, reply, type Script, upstream } from "../../../support/upstream.ts";

const rights = ["edit", "run"].map((role) => ({ role, resource: "llms" }));
const views = ["audit", "metrics", "llms"].map((resource) => ({ role: "view", resource }));
const messages = [{ role: "user", content: "hi" }];
const ask = (call: Client, model: string) => call("POST", "/v1/chat/completions", { model, messages });

/** The fields of a call that an auditor can read. */
async function readAll(call: Client): Promise<string> {
  const paths = [
    "/metrics",
    "/api/v1/audit?limit=1000",
    "/api/v1/usage?by=llm,user",
    "/api/v1/usage?llm=dark",
  ];
  const all = await Promise.all(paths.map(async (path) => (await must(call("GET", path))).text));
  return all.join("\n");
}

/** Bob's private llm `dark`, and a public one. */
async function setup(script: Script = goodProvider, visibility = "private") {
  const server = await testServer();
  const { url } = upstream(script);
  const bob = await server.user("bob", rights);
  const llm = { name: "dark", type: "openai", model: "m", url, visibility };
  await must(bob.call("POST", "/api/v1/llms?probe=false", llm));
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "open", visibility: "public" }),
  );
  const auditor = await server.user("auditor", views);
  return { server, bob, auditor, llm };
}

describe("a private llm that was deleted (T117)", () => {
  it("is named to its callers and to administrators, and to nobody else in audit, usage and metrics", async () => {
    const { server, bob, auditor, llm } = await setup();
    await must(ask(bob.call, "dark"));
    await must(ask(bob.call, "open"));
    const usage = () => server.admin("GET", "/api/v1/usage?by=llm");
    await expect.poll(async () => (await usage()).body.length).toBe(2);
    expect(await readAll(auditor.call)).not.toContain('"dark"');
    await must(bob.call("DELETE", "/api/v1/llms/dark"));
    const after = await readAll(auditor.call);
    expect(after).not.toContain('"dark"');
    expect(after).toContain("open");
    expect((await usage()).body.map(({ llm }: { llm: string }) => llm)).toContain("dark");
    expect((await bob.call("GET", "/api/v1/usage?by=llm")).text).toContain("dark");
    const events = (await server.admin("GET", "/api/v1/audit?limit=1000")).body;
    expect(events.filter((event: object) => JSON.stringify(event).includes('"dark"'))).toHaveLength(3);

    // A public llm that takes its name does not uncover what was before.
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, visibility: "public" }));
    const audit = await must(auditor.call("GET", "/api/v1/audit?limit=1000"));
    const named = audit.body.filter((event: object) => JSON.stringify(event).includes('"dark"'));
    expect(named).toEqual([expect.objectContaining({ action: "create", user: "admin" })]);
  });
});

describe("a public llm that becomes private or is deleted (T117)", () => {
  it.each([
    ["becomes private", (call: Client) => call("PUT", "/api/v1/llms/dark", { visibility: "private" })],
    ["is deleted", (call: Client) => call("DELETE", "/api/v1/llms/dark")],
  ])("leaves the metrics when it %s, also if a call ends later", async (_what, close) => {
    const waiting: (() => void)[] = [];
    const script: Script = (request, connection) => {
      if (request.method === "GET") return connection.write(reply(200, { data: [] }));
      const answer = () => connection.write(reply(200, chatAnswer("hello")));
      if (request.body.user === "late") waiting.push(answer);
      else answer();
    };
    const { bob, auditor } = await setup(script, "public");
    await must(ask(bob.call, "dark"));
    await must(ask(bob.call, "open"));
    const metrics = async () => (await must(auditor.call("GET", "/metrics"))).text;
    expect(await metrics()).toContain('gen_ai_request_model="dark"');
    const late = bob.call("POST", "/v1/chat/completions", { model: "dark", messages, user: "late" });
    await expect.poll(() => waiting.length).toBe(1);
    await must(close(bob.call));
    expect(await metrics()).not.toContain("dark");
    waiting[0]!();
    await late;
    expect(await metrics()).not.toContain("dark");
    expect(await metrics()).toContain('gen_ai_request_model="open"');
  });
});

describe("the llm of a persona that its editor cannot see (T118)", () => {
  it.each([
    ["with run on llms", [{ role: "run", resource: "llms" }]],
    ["without run on llms", []],
  ])("cannot be guessed, %s", async (_what, more) => {
    const { server } = await setup();
    await must(server.admin("POST", "/api/v1/agents", { name: "p", llm: "dark" }));
    const { call } = await server.user("eve", [{ role: "edit", resource: "agents" }, ...more]);
    expect((await call("GET", "/api/v1/agents/p")).body).not.toHaveProperty("llm");
    const answers = async (name: string) => [
      told(await call("PUT", "/api/v1/agents/p", { llm: name })),
      told(await call("PUT", "/api/v1/agents/p", { llm: name, description: "x" })),
      told(await call("POST", "/api/v1/agents", { name: "q", llm: name })),
    ];
    const [right, wrong] = [await answers("dark"), await answers("dork")];
    expect(right).toEqual(JSON.parse(JSON.stringify(wrong).replaceAll("dork", "dark")));
    expect(right.map((one) => (one as { status: number }).status)).not.toContain(200);
    await must(call("PUT", "/api/v1/agents/p", { description: "x" }));
    expect((await server.admin("GET", "/api/v1/agents/p")).body).toMatchObject({
      llm: "dark",
      description: "x",
    });
  });
});
