import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { databaseWithTables } from "../../../postgres.ts";
import { commits, heldStore, openHeldStore } from "../../../support/held-store.ts";
import { type Client, must, type TestServer, testServer } from "../../../support/server.ts";

const path = "/api/v1/llms?probe=false";
const llm = (name: string, more: object = {}) => ({ name, type: "openai", model: "m", ...more });
const create = (call: Client, name: string, more: object = {}) => call("POST", path, llm(name, more));
const register = (call: Client, name: string, more: object = {}) =>
  call("POST", "/api/v1/llms/_provider-register", {
    providers: [{ name, type: "vllm", model: "m", ...more }],
  });

const people = async (server: TestServer) => ({
  alice: (await server.user("alice", [{ role: "create", resource: "llms" }])).call,
  mallory: (
    await server.user("mallory", [
      { role: "create", resource: "llms" },
      { role: "expose", resource: "llms" },
    ])
  ).call,
});

/** The acts of alice while the write of mallory waits, and the write of mallory. */
const races: [string, (call: Client) => ReturnType<Client>, (call: Client) => ReturnType<Client>, number][] =
  [
    [
      "joins a pool that is named",
      (a) => create(a, "a", { poolName: "qwen" }),
      (m) => create(m, "qwen"),
      409,
    ],
    ["takes the name of a pool", (a) => create(a, "qwen"), (m) => create(m, "m", { poolName: "qwen" }), 403],
    ["takes an alias", (a) => create(a, "qwen"), (m) => create(m, "m", { aliases: ["qwen"] }), 409],
    [
      "takes a pattern",
      (a) => create(a, "a", { aliases: ["qwen-*"] }),
      (m) => create(m, "m", { aliases: ["qwen-3*"] }),
      409,
    ],
    [
      "publishes into a pool",
      (a) => create(a, "a", { poolName: "p" }),
      (m) => register(m, "m", { poolName: "p" }),
      403,
    ],
  ];

describe("a name of llms that two owners take at the same moment (T343)", () => {
  it.each(races)(
    "goes to the first alone: mallory %s, and alice is faster",
    async (_, first, second, status) => {
      const { store, hold } = await openHeldStore();
      const server = await testServer({ store });
      const { alice, mallory } = await people(server);
      const writing = hold("commit", "before", commits("create"));
      const late = second(mallory);
      await writing.reached;
      expect((await first(alice)).status).toBe(201);
      writing.release();
      expect((await late).status).toBe(status);
      const { body } = await must(server.admin("GET", "/api/v1/llms"));
      expect(body.map(({ owner }: { owner: string }) => owner)).toEqual(["alice"]);
    },
  );

  it("goes to the first alone also at two servers on one database", async () => {
    const url = await databaseWithTables();
    const { store, hold } = heldStore(await openStore({ url, now: Date.now }));
    const one = await testServer({ store });
    const other = await testServer({ store: await openStore({ url, now: Date.now }) });
    const { alice, mallory } = await people(one);
    const writing = hold("commit", "before", commits("create"));
    const late = create(mallory, "qwen");
    await writing.reached;
    const { body } = await must(alice("GET", "/api/v1/auth/whoami"));
    expect(body.user).toBe("alice");
    const login = { user: "alice", password: "alice-password" };
    const { body: session } = await must(other.as()("POST", "/api/v1/auth/login", login));
    expect((await create(other.as(session.token), "a", { poolName: "qwen" })).status).toBe(201);
    writing.release();
    expect((await late).status).toBe(409);
  });

  it("does not hinder owners who take other names, in whatever number", async () => {
    const server = await testServer();
    const { alice, mallory } = await people(server);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => [create(alice, `a-${i}`), create(mallory, `m-${i}`)]).flat(),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(201));
  });
});

describe("a proposed prompt that one approves while another rejects it (T342)", () => {
  const requests = "/api/v1/promptrequests";

  it.each(["a new prompt", "one that stands"])("is rejected, and becomes no prompt: %s", async (what) => {
    const { store, hold } = await openHeldStore();
    const { admin } = await testServer({ store });
    await must(admin("POST", "/api/v1/projects", { name: "web" }));
    const stands = what === "one that stands";
    if (stands)
      await must(admin("POST", "/api/v1/prompts", { name: "style", project: "web", content: "before" }));
    const proposal = { name: "style", project: "web", content: "after", reason: "I needed it" };
    await must(admin("POST", requests, proposal));
    const writing = hold("commit", "before", commits(stands ? "update" : "create", "style"));
    const late = admin("POST", `${requests}/style/approve`);
    await writing.reached;
    await must(admin("POST", `${requests}/style/reject`));
    writing.release();
    const { status, body } = await late;
    expect([status, body.error]).toEqual([409, 'promptrequest "style" is rejected already']);
    const { body: prompts } = await must(admin("GET", "/api/v1/prompts"));
    expect(prompts.map(({ content }: { content: string }) => content)).toEqual(stands ? ["before"] : []);
  });

  it("is not approved when another one has its name by then", async () => {
    const { store, hold } = await openHeldStore();
    const { admin } = await testServer({ store });
    await must(admin("POST", "/api/v1/projects", { name: "web" }));
    const proposal = { name: "style", project: "web", content: "read", reason: "I needed it" };
    await must(admin("POST", requests, proposal));
    const writing = hold("commit", "before", commits("create", "style"));
    const late = admin("POST", `${requests}/style/approve`);
    await writing.reached;
    await must(admin("POST", `${requests}/style/reject`));
    await must(admin("POST", requests, { ...proposal, content: "unread" }));
    writing.release();
    expect((await late).status).toBe(409);
    expect((await must(admin("GET", "/api/v1/prompts"))).body).toEqual([]);
    const { body } = await must(admin("GET", `${requests}/style`));
    expect(body).toMatchObject({ status: "pending", content: "unread" });
  });
});
