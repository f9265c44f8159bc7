import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bearerHash, mintBearer } from "../../../../src/server/core/access/bearer.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { row } from "../../../support/row.ts";
import { type Answer, type Client, must, testServer, told } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { goodProvider, type Upstream, upstream } from "../../../support/upstream.ts";

const messages = [{ role: "user", content: "hi" }];

function llm(name: string, provider: Upstream, more: object = {}) {
  return { name, type: "openai", model: "up", url: provider.url, ...more };
}

/** All that can be asked about an llm by its name or id. */
const questions: readonly ((call: Client, llm: string) => Promise<Answer>)[] = [
  (call, llm) => call("GET", `/api/v1/llms/${llm}`),
  (call, llm) => call("HEAD", `/api/v1/llms/${llm}`),
  (call, llm) => call("GET", `/api/v1/llms/${llm}/members`),
  (call, llm) => call("GET", `/api/v1/llms?name=${llm}`),
  (call) => call("GET", "/api/v1/llms"),
  (call) => call("GET", "/api/v1/llms?limit=1"),
  (call) => call("GET", "/api/v1/llms?limit=1&cursor=green/"),
  (call) => call("GET", "/api/v1/llms/green/members"),
  (call) => call("GET", "/v1/models"),
  (call, llm) => call("GET", `/v1/models/${llm}`),
  (call, llm) => call("POST", `/api/v1/llms/${llm}/infer`, { messages }),
  (call, llm) => call("POST", "/v1/chat/completions", { model: llm, messages }),
  (call, llm) => call("POST", "/v1/messages", { model: llm, messages, max_tokens: 9 }),
  (call, llm) => call("POST", "/v1/embeddings", { model: llm, input: "hi" }),
  (call) => call("POST", "/v1/chat/completions", { model: "dark", messages }),
  ...Array.from(
    { length: 8 },
    () => (call: Client) => call("POST", "/v1/chat/completions", { model: "pool", messages }),
  ),
  ...["view", "update", "delete", "run", "expose"].map(
    (verb) => (call: Client, llm: string) =>
      call("POST", "/api/v1/auth/can-i", { verb, resource: "llms", name: llm }),
  ),
  (call, llm) => call("PUT", `/api/v1/llms/${llm}`, { description: "mine" }),
  (call, llm) => call("DELETE", `/api/v1/llms/${llm}`),
  (call, llm) => {
    const roleBindings = [{ role: "view", resource: "llms", name: llm }];
    return call("POST", "/api/v1/tokens", { name: "t", roleBindings });
  },
];

async function answers(call: Client, llm: string): Promise<unknown[]> {
  const got: unknown[] = [];
  for (const ask of questions) {
    const answer = await ask(call, llm);
    // The calls change the health of what is called.
    got.push(told({ ...answer, text: answer.text.replace(/"health":\{[^}]*\}/g, '"health":null') }));
  }
  return got;
}

const standings: Record<string, object[]> = {
  "who holds every role on the kind": ["edit", "run", "expose"].map((role) => ({ role, resource: "llms" })),
  "who may only view the kind": [{ role: "view", resource: "llms" }],
  "who may only run the kind": [{ role: "run", resource: "llms" }],
  "who holds another one by name": ["edit", "run"].map((role) => ({ role, resource: "llms", name: "green" })),
  "who holds nothing on it": [{ role: "view", resource: "projects" }],
};

describe("a private llm", () => {
  it.each(Object.entries(standings))("looks like a missing one to a user %s (T52)", async (_, grants) => {
    const server = await testServer();
    const [provider, hiddenProvider] = [upstream(goodProvider), upstream(goodProvider)];
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", llm("green", provider, { poolName: "pool" })),
    );
    const bob = await server.user("bob", [{ role: "edit", resource: "llms" }]);
    const asker = await server.token("asker", [...grants, { role: "create", resource: "tokens" }]);
    const missing = "llm_00000000000000000000000000";

    const before = { byName: await answers(asker.call, "hidden"), byId: await answers(asker.call, missing) };
    const hidden = llm("hidden", hiddenProvider, { visibility: "private", poolName: "pool" });
    const { body } = await must(bob.call("POST", "/api/v1/llms?probe=false", hidden));
    const sole = llm("hidden-too", hiddenProvider, { visibility: "private", poolName: "dark" });
    await must(bob.call("POST", "/api/v1/llms?probe=false", sole));
    const after = { byName: await answers(asker.call, "hidden"), byId: await answers(asker.call, body.id) };

    expect(after.byName).toEqual(before.byName);
    expect(JSON.stringify(after.byId)).not.toContain("hidden");
    expect(JSON.parse(JSON.stringify(after.byId).replaceAll(body.id, missing))).toEqual(before.byId);
    expect(hiddenProvider.seen).toEqual([]);
    expect((await bob.call("GET", "/api/v1/llms/hidden/members")).body).toMatchObject({
      size: 2,
      activeCount: 2,
    });
  });

  it("is visible to its owner, to administrators and to users with a grant by its name", async () => {
    const server = await testServer();
    const provider = upstream(goodProvider);
    const bob = await server.user("bob", [{ role: "edit", resource: "llms" }]);
    await must(
      bob.call("POST", "/api/v1/llms?probe=false", llm("hidden", provider, { visibility: "private" })),
    );
    const named = [{ role: "view", resource: "llms", name: "hidden" }];
    const alice = await server.user("alice", named);
    const ofGroup = await server.user("carol");
    await must(server.admin("POST", "/api/v1/groups", { name: "friends", members: ["carol"] }));
    const subjects = [{ kind: "Group", name: "friends" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "friends", subjects, roleBindings: named }));
    const callers = [bob.call, alice.call, ofGroup.call, server.admin, (await server.token("t", named)).call];
    callers.push((await server.token("root", [{ role: "view", resource: "*" }])).call);
    for (const call of callers) {
      expect((await call("GET", "/api/v1/llms/hidden")).body.name).toBe("hidden");
      expect((await call("GET", "/api/v1/llms")).body).toHaveLength(1);
    }
    const kindWide = await server.token("wide", [{ role: "view", resource: "llms" }]);
    expect((await kindWide.call("GET", "/api/v1/llms")).body).toEqual([]);
  });

  it("is named in no metric, and in no audit event or project status of others (T26, T52)", async () => {
    const server = await testServer();
    const provider = upstream(goodProvider);
    const everything = ["edit", "run"].map((role) => ({ role, resource: "llms" }));
    const bob = await server.user("bob", everything);
    const hidden = llm("hidden", provider, { visibility: "private", poolName: "pool" });
    const { body } = await must(bob.call("POST", "/api/v1/llms?probe=false", hidden));
    await must(bob.call("POST", "/api/v1/llms/hidden/infer", { messages }));
    await must(bob.call("POST", "/v1/chat/completions", { model: "pool", messages }));
    await must(bob.call("PUT", "/api/v1/llms/hidden", { description: "x" }));
    const grants = ["audit", "metrics", "projects", "llms"].map((resource) => ({ role: "view", resource }));
    const auditor = await server.token("auditor", [...grants, { role: "create", resource: "projects" }]);

    const project = { name: "p", llmProvider: "hidden" };
    const created = await must(auditor.call("POST", "/api/v1/projects", project));
    expect(created.body.llmStatus).toBe("unregistered");
    expect((await auditor.call("GET", "/api/v1/projects/p")).body.llmStatus).toBe("unregistered");
    expect((await server.admin("GET", "/api/v1/projects/p")).body.llmStatus).toBe("registered");

    const seen = await Promise.all(
      ["/metrics", "/api/v1/audit", "/api/v1/audit?llm=hidden", "/api/v1/audit?llm=pool"].map((path) =>
        auditor.call("GET", path),
      ),
    );
    for (const { status, text } of seen) {
      expect(status).toBe(200);
      expect(text).not.toContain("hidden");
      expect(text).not.toContain(body.id);
    }
    expect(seen[1]!.body.map((event: { action: string }) => event.action)).toContain("login");
    expect(seen[2]!.body).toEqual([]);
    expect((await server.admin("GET", "/api/v1/audit?llm=hidden")).body).toHaveLength(1);
  });
});

it("can be called by a user who may only run it, who does not learn its address (T51)", async () => {
  const server = await testServer();
  const provider = upstream(goodProvider);
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm("green", provider)));
  const { call } = await server.token("runner", [{ role: "run", resource: "llms" }]);
  const answered = await call("POST", "/api/v1/llms/green/infer", { messages });
  expect(answered.status).toBe(200);
  const read = await call("GET", "/api/v1/llms/green");
  expect(read.body).not.toHaveProperty("url");
  const models = await call("GET", "/v1/models");
  expect(models.body.data).toHaveLength(1);
  expect(read.text + answered.text + models.text).not.toContain(provider.url);
});

it("serves calls to its pool only for callers who may run it (T48)", async () => {
  const server = await testServer();
  const [one, other] = [upstream(goodProvider), upstream(goodProvider)];
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm("one", one, { poolName: "pool" })));
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm("other", other, { poolName: "pool" })));
  const { call } = await server.token("runner", [{ role: "run", resource: "llms", name: "one" }]);
  for (let i = 0; i < 8; i++) {
    expect((await call("POST", "/v1/chat/completions", { model: "pool", messages })).status).toBe(200);
  }
  expect([one.seen.length, other.seen.length]).toEqual([8, 0]);
  expect((await call("POST", "/v1/chat/completions", { model: "other", messages })).status).toBe(403);
  // The other one's name or model in the body does not lead there.
  const byAlias = await call("POST", "/api/v1/llms/one/infer", { model: "other", messages });
  expect(byAlias.status).toBe(400);
  expect(other.seen).toEqual([]);
});

it("can be viewed, run and deleted by its owner without a grant, if it is virtual", async () => {
  const folder = temporaryFolder();
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  const bearer = mintBearer("ses");
  const alice = "usr_0000000000000000000000000a";
  const spec = {
    type: "openai",
    model: "up",
    url: "",
    apiKeyRef: null,
    extraConfig: {},
    visibility: "private",
  };
  const status = { origin: "virtual", status: "active" };
  const published = { spec, status, owner: alice, visibility: "private" } as const;
  const session = {
    id: "ses_1",
    hash: bearerHash(bearer),
    userId: alice,
    createdAt: 1,
    expiresAt: Date.now() + 60_000,
    impersonatorId: null,
    impersonatorSessionId: null,
  };
  await store.commit([
    { op: "insert", row: row(alice, "user", "alice", {}), refs: [] },
    { op: "insert", row: row("llm_0000000000000000000000000a", "llm", "mine", published), refs: [] },
    {
      op: "insert",
      row: row("llm_0000000000000000000000000b", "llm", "theirs", { ...published, owner: null }),
      refs: [],
    },
    { op: "insertSession", session },
  ]);
  const server = await testServer({ folder, store });
  const call = server.as(bearer);

  expect((await call("GET", "/api/v1/llms")).body).toMatchObject([
    { name: "mine", origin: "virtual", owner: "alice" },
  ]);
  // It may: only the agent that would answer is not there.
  for (const [path, body] of [
    ["/api/v1/llms/mine/infer", { messages }],
    ["/v1/chat/completions", { model: "mine", messages }],
  ] as const)
    expect((await call("POST", path, body)).status).toBe(503);
  expect((await call("PUT", "/api/v1/llms/mine", { description: "x" })).status).toBe(403);
  expect((await call("POST", "/api/v1/llms", { name: "another", type: "openai", model: "up" })).status).toBe(
    403,
  );
  for (const other of ["theirs", "missing"]) {
    expect((await call("GET", `/api/v1/llms/${other}`)).status).toBe(403);
    expect((await call("POST", `/api/v1/llms/${other}/infer`, { messages })).status).toBe(403);
    expect((await call("DELETE", `/api/v1/llms/${other}`)).status).toBe(403);
  }
  expect((await call("DELETE", "/api/v1/llms/mine")).status).toBe(204);
  expect((await call("GET", "/api/v1/llms")).status).toBe(403);
});
