import { expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import type { StoredFile } from "../../../../src/server/core/store/task-store.ts";
import type { Store } from "../../../../src/server/core/store/types.ts";
import { databaseWithTables } from "../../../postgres.ts";
import { commits, type HeldStore, heldStore, openHeldStore } from "../../../support/held-store.ts";
import { type Client, must, type TestServer, testServer } from "../../../support/server.ts";
import { withProvider } from "../../inference/setup.ts";
import { echo, line, sdkAt } from "../../inference/tasks/batch-setup.ts";

const messages = [{ role: "user", content: "hello" }];
const params = { model: "gpt", max_tokens: 10, messages };

async function upload(server: TestServer, bearer: string) {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new File([JSON.stringify(line("a"))], "in.jsonl"));
  const headers = { authorization: `Bearer ${bearer}` };
  const { status } = await fetch(`${server.url}/v1/files`, { method: "POST", headers, body: form });
  return { status };
}

/** The deed of alice, the call of the store that is late, and the place where she would find what she has made. */
const acts: [
  what: string,
  method: Parameters<HeldStore["hold"]>[0],
  act: (call: Client, server: TestServer, bearer: string) => Promise<{ status: number }>,
  list: string,
][] = [
  [
    "a task",
    "addTasks",
    (call) => call("POST", "/api/v1/inference-tasks", { llm: "gpt", request: { model: "gpt", messages } }),
    "/api/v1/inference-tasks",
  ],
  [
    "a batch",
    "addBatch",
    (call) => call("POST", "/v1/messages/batches", { requests: [{ custom_id: "a", params }] }),
    "/v1/messages/batches",
  ],
  ["a file", "addFile", (_, server, bearer) => upload(server, bearer), "/v1/files"],
  [
    "a thread",
    "addThread",
    (call) => call("POST", "/api/v1/agents/reviewer/threads", { title: "secret plan" }),
    "/api/v1/threads",
  ],
  ["an llm", "commit", (call) => call("POST", "/api/v1/llms?probe=false", theLlm), "/api/v1/llms?name=late"],
  [
    "a token",
    "commit",
    (call) => call("POST", "/api/v1/tokens", { name: "late", roleBindings: [] }),
    "/api/v1/tokens",
  ],
  [
    "the llm of an agent",
    "addProviderSession",
    (call) =>
      call("POST", "/api/v1/llms/_provider-register", {
        providers: [{ name: "late", type: "vllm", model: "m" }],
      }),
    "/api/v1/llms?name=late",
  ],
];

const theLlm = { name: "late", type: "openai", model: "m" };
const rights = ["run", "create", "expose", "view"].map((role) => ({ role, resource: "*" }));

async function withAlice(store: Store) {
  const { server, provider } = await withProvider(echo, {}, { tick: 50, store });
  await must(
    server.admin("POST", "/api/v1/agents", { name: "reviewer", llm: "gpt", systemPrompt: "Be kind." }),
  );
  const alice = await server.user("alice", rights);
  return { server, provider, alice };
}

const reset = (server: TestServer) =>
  must(server.admin("PUT", "/api/v1/users/alice", { password: "another-password" }));

/** Logs in as alice with the password that somebody else has set. */
async function login(server: TestServer): Promise<Client> {
  const body = { user: "alice", password: "another-password" };
  return server.as((await must(server.as()("POST", "/api/v1/auth/login", body))).body.token);
}

it.each(acts)(
  "%s that is stored while another password is set for its user is refused (T350)",
  async (_, method, act, list) => {
    const { store, hold } = await openHeldStore();
    const { server, alice, provider } = await withAlice(store);
    const { text: before } = await must(alice.call("GET", list));
    const late = hold(method, "before", method === "commit" ? commits("create") : undefined);
    const answer = act(alice.call, server, alice.bearer);
    await late.reached;
    await reset(server);
    late.release();
    expect((await answer).status).toBe(401);
    expect((await must((await login(server))("GET", list))).text).toBe(before);
    expect(provider.seen).toEqual([]);
  },
);

it.each([
  ["rotates", "POST", "/rotate"],
  ["deletes", "DELETE", ""],
])("a task of a token is refused while somebody else %s the token (T350)", async (_, method, path) => {
  const { store, hold } = await openHeldStore();
  const { server, alice, provider } = await withAlice(store);
  const roleBindings = [{ role: "run", resource: "*" }];
  const { body } = await must(alice.call("POST", "/api/v1/tokens", { name: "laptop", roleBindings }));
  const late = hold("addTasks", "before");
  const answer = acts[0]![2](server.as(body.token), server, body.token);
  await late.reached;
  const ended = await must(server.admin(method, `/api/v1/tokens/${body.id}${path}`));
  late.release();
  expect((await answer).status).toBe(401);
  const now = ended.body?.token === undefined ? alice.call : server.as(ended.body.token);
  expect((await must(now("GET", "/api/v1/inference-tasks"))).body).toEqual([]);
  expect(provider.seen).toEqual([]);
});

it("the answers of a batch that ends while another password is set are not there for the new one (T350)", async () => {
  const { store, hold } = await openHeldStore();
  const { server, alice } = await withAlice(store);
  const { begin } = sdkAt(server.url, alice.bearer);
  const late = hold("addFile", "before", (file) => (file as StoredFile).purpose === "batch_output");
  const { id } = await begin([line("a")]);
  await late.reached;
  await reset(server);
  const call = await login(server);
  const ending = hold("openBatches", "before");
  late.release();
  // The queue looks for batches again once it is done with this one.
  await ending.reached;
  ending.release();
  expect((await must(call("GET", "/v1/files"))).body.data).toEqual([]);
  expect((await call("GET", `/v1/batches/${id}`)).status).toBe(404);
  expect(server.logged.filter((text) => /stale|failed/.test(text))).toEqual([]);
});

it("a token that a user makes while it is deleted goes with it (T350)", async () => {
  const { store, hold } = await openHeldStore();
  const { server, alice } = await withAlice(store);
  const late = hold("commit", "before", commits("delete", "alice"));
  const deletion = server.admin("DELETE", "/api/v1/users/alice");
  await late.reached;
  await must(alice.call("POST", "/api/v1/tokens", { name: "late", roleBindings: [] }));
  late.release();
  expect((await deletion).status).toBe(204);
  const { text } = await must(server.admin("GET", "/api/v1/tokens"));
  expect(text).not.toContain("late");
});

it("a task is refused at a server that does not know yet that another one has ended the login (T350)", async () => {
  const url = await databaseWithTables();
  const { store, hold } = heldStore(await openStore({ url, now: Date.now }));
  const { server, alice, provider } = await withAlice(store);
  const other = await testServer({ store: await openStore({ url, now: Date.now }) });
  const late = hold("addTasks", "before");
  const answer = acts[0]![2](alice.call, server, alice.bearer);
  await late.reached;
  await reset(other);
  late.release();
  expect((await answer).status).toBe(401);
  expect((await must((await login(other))("GET", "/api/v1/inference-tasks"))).body).toEqual([]);
  expect(provider.seen).toEqual([]);
});
