import { describe, expect, it } from "vitest";
import { copiedServer } from "../../../support/copied-server.ts";
import { must, type TestServer } from "../../../support/server.ts";

const all = (role: string, resource = "llms") => ({ role, resource });
const llm = (name: string, more: object = {}) => ({ name, type: "openai", model: "m", ...more });
const path = "/api/v1/llms?probe=false";

/** Alice's llms `a-1` and `a-2` in the pool `qwen`, and `lone` in none; mallory with some rights. */
async function setUp(rights: object[], visibility: "public" | "private" = "public") {
  const { server, facts: bearer } = await starts[visibility]();
  const alice = { call: server.as(bearer) };
  const mallory = await server.user("mallory", rights);
  return { server, alice, mallory };
}

const withAlice = (visibility: "public" | "private") =>
  copiedServer(async (server) => {
    const alice = await server.user("alice", [all("edit"), all("edit", "projects")]);
    for (const name of ["a-1", "a-2"])
      expect((await alice.call("POST", path, llm(name, { poolName: "qwen", visibility }))).status).toBe(201);
    expect((await alice.call("POST", path, llm("lone", { visibility }))).status).toBe(201);
    return alice.bearer;
  });
const starts = { public: withAlice("public"), private: withAlice("private") };

const register = (call: TestServer["admin"], provider: object) =>
  call("POST", "/api/v1/llms/_provider-register", {
    providers: [{ type: "vllm", model: "m", visibility: "public", ...provider }],
  });

/** Takes a name, or joins a pool. Returns the status. */
type Take = (
  call: TestServer["admin"],
  name: string,
  poolName: string | undefined,
  server: TestServer,
) => Promise<number>;

const ways: [string, object[], Take][] = [
  [
    "create",
    [all("create"), all("view")],
    async (call, name, poolName) =>
      (await call("POST", path, llm(name, poolName ? { poolName } : {}))).status,
  ],
  [
    "expose",
    [all("expose")],
    async (call, name, poolName) => (await register(call, { name, ...(poolName && { poolName }) })).status,
  ],
  [
    "edit on an llm of its own",
    [all("create"), all("view")],
    async (call, name, poolName, server) => {
      if (poolName === undefined) return (await call("POST", path, llm(name))).status;
      await call("POST", path, llm(name));
      const subjects = [{ kind: "User", name: "mallory" }];
      const roleBindings = [{ role: "edit", resource: "llms", name }];
      await must(server.admin("POST", "/api/v1/rbac", { name: "own", subjects, roleBindings }));
      const { status } = await call("PUT", `/api/v1/llms/${name}`, { poolName });
      return status === 200 ? 201 : status;
    },
  ],
];

describe.each(["public", "private"] as const)("with %s llms of alice (T92)", (visibility) => {
  describe.each(ways)("mallory, who holds %s", (_right, rights, take) => {
    it.each([
      ["names an llm like a pool of alice", "qwen", undefined],
      ["joins a pool of alice", "mallorys", "qwen"],
      ["makes an llm of alice the name of a pool", "mallorys", "lone"],
      ["takes a name that a project of alice waits for", "wanted", undefined],
      ["takes it for a pool", "mallorys", "wanted"],
    ])("%s: refused", async (_what, name, poolName) => {
      const { server, alice, mallory } = await setUp(rights, visibility);
      const project = { name: "p", llmProvider: "wanted" };
      expect((await alice.call("POST", "/api/v1/projects", project)).status).toBe(201);
      const before = (await server.admin("GET", "/api/v1/llms/a-1/members")).text;
      expect([403, 409]).toContain(await take(mallory.call, name, poolName, server));
      const { body: llms } = await server.admin("GET", "/api/v1/llms");
      expect(llms.filter((row: { poolName?: string }) => row.poolName === poolName && poolName)).toHaveLength(
        poolName === "qwen" ? 2 : 0,
      );
      expect(llms.map((row: { name: string }) => row.name)).not.toContain(
        name === "mallorys" ? "qwen" : name,
      );
      expect((await server.admin("GET", "/api/v1/llms/a-1/members")).text).toBe(before);
      expect((await alice.call("GET", "/api/v1/projects/p")).body.llmStatus).toBe("unregistered");
    });

    it("may take any other name, and make pools of its own", async () => {
      const { mallory, server } = await setUp(rights, visibility);
      expect(await take(mallory.call, "free", "another", server)).toBe(201);
    });
  });
});

describe("a pool may be joined", () => {
  it("by the same owner, and by who may edit every member", async () => {
    const { alice, server } = await setUp([]);
    expect((await alice.call("POST", path, llm("a-3", { poolName: "qwen" }))).status).toBe(201);
    const editor = await server.user("editor", [all("edit")]);
    expect((await editor.call("POST", path, llm("e-1", { poolName: "qwen" }))).status).toBe(201);
  });

  it("not by who may edit only some members", async () => {
    const { mallory } = await setUp([all("create"), { role: "edit", resource: "llms", name: "a-1" }]);
    const { status, body } = await mallory.call("POST", path, llm("m-1", { poolName: "qwen" }));
    expect([status, body.error]).toEqual([
      403,
      'you may not join the pool "qwen", which has llms of other owners',
    ]);
    expect(body.hint).toContain("mcpctl admit m-1 --pool qwen");
  });

  it("by an llm that every member admits, under that name only", async () => {
    const { alice, mallory } = await setUp([all("expose")]);
    for (const name of ["a-1", "a-2"])
      expect((await alice.call("PUT", `/api/v1/llms/${name}`, { admits: ["m-1"] })).status).toBe(200);
    expect((await register(mallory.call, { name: "m-2", poolName: "qwen" })).status).toBe(403);
    expect((await register(mallory.call, { name: "m-1", poolName: "qwen" })).status).toBe(201);
  });

  it("by nobody else under the name of an admitted llm that is gone, until it is admitted again (T370)", async () => {
    const { server, alice, mallory } = await setUp([all("expose"), all("create")]);
    const carol = await server.user("carol", [all("expose"), all("create"), all("delete")]);
    const admit = async (admits: string[]) => {
      for (const name of ["a-1", "a-2"])
        expect((await alice.call("PUT", `/api/v1/llms/${name}`, { admits })).status).toBe(200);
    };
    const gone = async () => expect((await carol.call("DELETE", "/api/v1/llms/m-1")).status).toBe(204);
    await admit(["m-1", "m-3"]);
    // Published by a workstation, or made on the server: an admission is for the first who uses it.
    for (const join of [
      () => register(carol.call, { name: "m-1", poolName: "qwen" }),
      () => carol.call("POST", path, llm("m-1", { poolName: "qwen" })),
    ]) {
      expect((await join()).status).toBe(201);
      await gone();
      expect((await register(mallory.call, { name: "m-1", poolName: "qwen" })).status).toBe(403);
      expect((await mallory.call("POST", path, llm("m-1", { poolName: "qwen" }))).status).toBe(403);
    }
    const [admitting] = (await server.admin("GET", "/api/v1/llms")).body.filter(
      ({ name }: { name: string }) => name === "a-1",
    );
    expect([admitting.admits, JSON.stringify(admitting)]).toEqual([
      ["m-1", "m-3"],
      expect.not.stringContaining("usr_"),
    ]);
    expect((await register(mallory.call, { name: "m-3", poolName: "qwen" })).status).toBe(201);
    await admit([]);
    await admit(["m-1"]);
    expect((await mallory.call("POST", path, llm("m-1", { poolName: "qwen" }))).status).toBe(201);
  });

  it("again by an agent that comes back, whatever has joined meanwhile", async () => {
    const { server } = await setUp([]);
    const carol = await server.user("carol", [all("expose")]);
    const first = await register(carol.call, { name: "c-1", poolName: "carols" });
    expect(first.status).toBe(201);
    const dave = await server.user("dave", [all("edit")]);
    expect((await dave.call("POST", path, llm("d-1", { poolName: "carols" }))).status).toBe(201);
    const { providerSessionId } = first.body;
    const again = await carol.call("POST", "/api/v1/llms/_provider-register", {
      providerSessionId,
      providers: [{ name: "c-1", type: "vllm", model: "m", poolName: "carols" }],
    });
    expect(again.status).toBe(201);
  });
});
