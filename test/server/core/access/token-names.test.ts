import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer, told } from "../../../support/server.ts";

const tokens = "/api/v1/tokens";
const grant = (role: string, resource: string) => ({ role, resource });

/** A server on which alice and bob each have a token "laptop". */
async function twoLaptops() {
  const server = await testServer();
  const rights = [grant("create", "tokens"), grant("view", "tokens"), grant("view", "llms")];
  const [alice, bob] = [await server.user("alice", rights), await server.user("bob", rights)];
  const make = async ({ call }: typeof alice) =>
    (await must(call("POST", tokens, { name: "laptop", roleBindings: [grant("view", "llms")] }))).body;
  return { server, alice, bob, ofAlice: await make(alice), ofBob: await make(bob) };
}

const mayViewSecrets = async (server: TestServer, bearer: string) =>
  (await server.as(bearer)("GET", "/api/v1/secrets")).status === 200;

describe("two users with tokens of one name", () => {
  // T178
  it("each have a token of their own, which its name means, and nobody a second one", async () => {
    const { alice, bob, ofAlice, ofBob } = await twoLaptops();
    expect((await alice.call("GET", `${tokens}/laptop`)).body.id).toBe(ofAlice.id);
    expect((await bob.call("GET", `${tokens}/laptop?project=`)).body.id).toBe(ofBob.id);
    const again = await alice.call("POST", tokens, { name: "laptop", roleBindings: [] });
    expect(again).toMatchObject({ status: 409, body: { code: "name_taken" } });
  });

  it("are told apart by id where neither is the caller's own, also to delete one", async () => {
    const { server, ofAlice, ofBob } = await twoLaptops();
    for (const method of ["GET", "DELETE"] as const)
      expect(await server.admin(method, `${tokens}/laptop`)).toMatchObject({
        status: 409,
        body: { code: "conflict", hint: "give its id: mcpctl get tokens -o wide" },
      });
    expect((await server.admin("DELETE", `${tokens}/${ofAlice.id}`)).status).toBe(204);
    expect((await server.as(ofAlice.token)("GET", "/api/v1/llms")).status).toBe(401);
    expect((await server.as(ofBob.token)("GET", "/api/v1/llms")).status).toBe(200);
    expect((await server.admin("GET", `${tokens}/laptop`)).body.id).toBe(ofBob.id);
  });

  it("are nobody's to whom both are hidden: the name means what a missing one does (T178)", async () => {
    const { server } = await twoLaptops();
    const { call } = await server.user("carol", [grant("create", "tokens")]);
    for (const method of ["GET", "DELETE"]) {
      const missing = await call(method, `${tokens}/nothing`);
      const hidden = await call(method, `${tokens}/laptop`);
      expect(told(hidden)).toEqual(told({ ...missing, text: missing.text.replaceAll("nothing", "laptop") }));
    }
  });

  it("are listed page by page, none left out", async () => {
    const { server, ofAlice, ofBob } = await twoLaptops();
    const first = await server.admin("GET", `${tokens}?name=laptop&limit=1`);
    const cursor = encodeURIComponent(first.headers.get("x-mcpctl-cursor")!);
    const second = await server.admin("GET", `${tokens}?name=laptop&limit=1&cursor=${cursor}`);
    expect([...first.body, ...second.body].map(({ id }) => id).sort()).toEqual([ofAlice.id, ofBob.id].sort());
    expect(second.headers.get("x-mcpctl-cursor")).toBeNull();
  });

  // T178
  it("do not learn of each other's token without the right to view it", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens"), grant("create", "rbac")]);
    const bob = await server.user("bob", [grant("create", "tokens")]);
    await must(bob.call("POST", tokens, { name: "laptop", roleBindings: [] }));
    const dry = (call: typeof alice.call) =>
      call("POST", `${tokens}?dryRun=true`, { name: "laptop", roleBindings: [] });
    expect([(await dry(alice.call)).status, (await dry(bob.call)).status]).toEqual([200, 409]);
    const binding = (name: string) =>
      alice.call("POST", "/api/v1/rbac", {
        name: "b",
        subjects: [{ kind: "Token", name }],
        roleBindings: [],
      });
    expect(await binding("laptop")).toMatchObject({
      status: 400,
      body: { details: [{ path: "/subjects/0", message: 'there is no token "laptop"' }] },
    });
    expect((await binding("other")).status).toBe(400);
    expect((await alice.call("POST", tokens, { name: "laptop", roleBindings: [] })).status).toBe(201);
  });
});

describe("a binding for a token whose name two users have", () => {
  // T178
  it("gives its roles to one token, named by id, and keeps it when other subjects change", async () => {
    const { server, ofAlice, ofBob } = await twoLaptops();
    const all = [
      { kind: "User", name: "alice" },
      { kind: "User", name: "bob" },
    ];
    const readers = { name: "readers", subjects: all, roleBindings: [grant("view", "secrets")] };
    await must(server.admin("POST", "/api/v1/rbac", readers));
    const subject = (name: string) => ({ kind: "Token", name });
    const binding = { name: "b", roleBindings: [grant("view", "secrets")] };
    expect(
      await server.admin("POST", "/api/v1/rbac", { ...binding, subjects: [subject("laptop")] }),
    ).toMatchObject({
      status: 400,
      body: { details: [{ message: 'there are several tokens "laptop": give the id of one' }] },
    });
    const subjects = [{ kind: "User", name: "bob" }, subject(ofAlice.id)];
    await must(server.admin("POST", "/api/v1/rbac", { ...binding, subjects }));
    expect(await mayViewSecrets(server, ofAlice.token)).toBe(true);
    expect(await mayViewSecrets(server, ofBob.token)).toBe(false);
    await must(server.admin("PUT", "/api/v1/rbac/b", { subjects: subjects.slice(1) }));
    expect(await mayViewSecrets(server, ofAlice.token)).toBe(true);
    expect(await mayViewSecrets(server, ofBob.token)).toBe(false);
  });

  // T178
  it("goes on to mean the token that it named before the other one was made", async () => {
    const server = await testServer();
    const rights = [grant("create", "tokens"), grant("view", "secrets")];
    const [alice, bob] = [await server.user("alice", rights), await server.user("bob", rights)];
    const laptop = { name: "laptop", roleBindings: [] };
    const first = (await must(alice.call("POST", tokens, laptop))).body;
    const subjects = [
      { kind: "User", name: "carol" },
      { kind: "Token", name: "laptop" },
    ];
    await must(server.admin("POST", "/api/v1/users", { name: "carol" }));
    await must(
      server.admin("POST", "/api/v1/rbac", { name: "b", subjects, roleBindings: [grant("view", "secrets")] }),
    );
    const second = (await must(bob.call("POST", tokens, laptop))).body;
    const check = async () => {
      expect(await mayViewSecrets(server, first.token)).toBe(true);
      expect(await mayViewSecrets(server, second.token)).toBe(false);
    };
    await check();
    await must(server.admin("DELETE", "/api/v1/users/carol"));
    await check();
    await must(server.admin("PUT", "/api/v1/rbac/b", { roleBindings: [grant("view", "secrets")] }));
    await check();
    await must(server.admin("DELETE", `${tokens}/${first.id}`));
    expect((await server.admin("GET", "/api/v1/rbac/b")).body.subjects).toEqual([]);
    expect(await mayViewSecrets(server, second.token)).toBe(false);
  });
});

describe("the usage of a token whose name two users have", () => {
  it("is asked for by name by its user, and by id by others", async () => {
    const { server, alice, ofBob } = await twoLaptops();
    expect((await alice.call("GET", "/api/v1/usage?token=laptop")).status).toBe(200);
    expect(await server.admin("GET", "/api/v1/usage?token=laptop")).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    expect((await server.admin("GET", `/api/v1/usage?token=${ofBob.id}`)).status).toBe(200);
  });
});
