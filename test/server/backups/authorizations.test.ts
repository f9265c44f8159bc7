import { describe, expect, it } from "vitest";
import type { Store } from "../../../src/server/core/store/types.ts";
import { type McpTestServer, mcpTestServer, until } from "../../support/mcp/runtime.ts";
import { type Client, must } from "../../support/server.ts";
import { backedUp, dialects, restored } from "./stores.ts";

const mayRun = [
  { role: "run", resource: "projects" },
  { role: "view", resource: "servers" },
];
const path = "/api/v1/servers/files/authorization";
const keyed = {
  sharing: "principal",
  env: [{ name: "TOKEN", valueFrom: { userKey: "token" } }],
  isBroken: true,
};

const valueFor = (mcp: McpTestServer, as: Client) => mcp.call("env", { name: "TOKEN" }, { as });
const give = (as: Client, token: string) => must(as("PUT", path, { keys: { token } }));

/** A server on a store, with an MCP server that wants a key of each user, and alice, who has given hers. */
async function withKey(store: Store) {
  const mcp = await mcpTestServer({ store });
  await mcp.define("files", keyed);
  const { call } = await mcp.user("alice", mayRun);
  await give(call, "alice-key-7f3a9c51");
  await until(
    () => mcp.row("files"),
    ({ toolCount }) => toolCount > 0,
  );
  return { mcp, alice: call };
}

/** Logs alice in at a restored server: sessions are in no backup. */
async function loggedIn(mcp: McpTestServer): Promise<Client> {
  const { body } = await must(
    mcp.as()("POST", "/api/v1/auth/login", { user: "alice", password: "alice-password" }),
  );
  return mcp.as(body.token);
}

const pairs = [dialects, dialects.toReversed()].map(([from, to]) => ({
  from: from![0],
  to: to![0],
  stores: [from![1], to![1]] as const,
}));

describe.each(pairs)(
  "the key of a user in a backup of $from that is restored into $to",
  ({ stores: [source, target] }) => {
    it("goes on to count for that user, and for no other", async () => {
      const first = await source();
      await withKey(first);
      const second = await target();
      await restored(second, await backedUp(first));
      const mcp = await mcpTestServer({ store: second });
      const alice = await loggedIn(mcp);
      expect(await valueFor(mcp, alice)).toEqual({ text: "alice-key-7f3a9c51" });
      const { call: bob } = await mcp.user("bob", mayRun);
      expect((await valueFor(mcp, bob)).error?.message).toMatch(/it wants a key of yours/);
    });
  },
);

const [, fresh] = dialects[0]!;

it("an authorization whose keys are not in the backup is no longer taken for given (failure mode 257)", async () => {
  const first = await fresh();
  const { alice: before } = await withKey(first);
  const status = async (as: Client) => (await must(as("GET", "/api/v1/servers/files"))).body;
  expect((await status(before)).authorization.status).toBe("authorized");
  const second = await fresh();
  await restored(second, await backedUp(first, { secrets: "references" }));
  const mcp = await mcpTestServer({ store: second });
  const alice = await loggedIn(mcp);
  const row = await status(alice);
  expect(row.authorization).toMatchObject({ status: "needed", by: null });
  expect(row.conditions.map(({ type }: { type: string }) => type)).toContain("NeedsAuthorization");
  expect((await valueFor(mcp, alice)).error?.message).toMatch(/it wants a key of yours/);
  await give(alice, "alice-key-the-second");
  expect(await valueFor(mcp, alice)).toEqual({ text: "alice-key-the-second" });
});

describe("the key of a user in a backup that is merged into a server with the same user and MCP server under other ids", () => {
  async function merged(merge: "skip" | "replace") {
    const first = await fresh();
    await withKey(first);
    const second = await fresh();
    const before = await mcpTestServer({ store: second });
    const files = await before.define("files", keyed);
    await before.user("alice", mayRun);
    await before.stop();
    const reopened = await fresh();
    await restored(reopened, await backedUp(second));
    await restored(reopened, await backedUp(first), { merge });
    const mcp = await mcpTestServer({ store: reopened });
    return { mcp, files, alice: await loggedIn(mcp) };
  }

  it("counts for that user where the definition is that of the backup", async () => {
    const { mcp, alice } = await merged("replace");
    expect(await valueFor(mcp, alice)).toEqual({ text: "alice-key-7f3a9c51" });
    const { body } = await must(mcp.admin("GET", "/api/v1/authorizations"));
    expect(body).toMatchObject([
      { server: "files", user: "alice", status: "authorized", authorizedBy: "alice" },
    ]);
  });

  it("goes to no other program of that name (T312)", async () => {
    const { mcp, files, alice } = await merged("skip");
    expect((await mcp.call("env", { name: "TOKEN" }, { as: alice })).error).toBeDefined();
    expect(files.count("start ")).toBe(0);
  });
});
