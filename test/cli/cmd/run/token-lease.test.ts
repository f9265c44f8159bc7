import { expect, it } from "vitest";
import { ApiClient } from "../../../../src/cli/client/client.ts";
import { TokenLease } from "../../../../src/cli/cmd/run/token-lease.ts";
import { isStillValid } from "../../../../src/server/core/access/principals.ts";
import { startTestSessions, user } from "../../../server/workstations/test-sessions.ts";
import { fakeApi } from "../../../support/cli/fake-api.ts";
import { row } from "../../../support/row.ts";
import { must, testServer } from "../../../support/server.ts";

const minute = 60_000;
const tokens = "/api/v1/tokens";
const create = { role: "create", resource: "tokens" } as const;

/** A server with a clock, and a user with a token that ends in a day. */
async function open() {
  const clock = { now: Date.parse("2026-11-21T10:00:00Z") };
  const server = await testServer({ now: () => clock.now });
  const alice = await server.user("alice", [create]);
  const at = (minutes: number) => new Date(clock.now + minutes * minute).toISOString();
  const make = async (name: string, more: object = {}, call = alice.call) =>
    (await must(call("POST", tokens, { name, expiresAt: at(24 * 60), ...more }))).body;
  const token = await make("run-claude");
  const minutesLeft = async (name = "run-claude") =>
    (Date.parse((await server.admin("GET", `${tokens}/${name}`)).body.expiresAt) - clock.now) / minute;
  const status = async () => (await server.as(token.token)("GET", "/api/v1/auth/whoami")).status;
  return { clock, server, alice, at, make, minutesLeft, status };
}

it("renews a token while its program runs, before it ends, and brings it back after the machine has slept", async () => {
  const { clock, server, alice, minutesLeft, status } = await open();
  const client = new ApiClient({ url: server.url, token: alice.bearer }, {});
  const lease = new TokenLease(client, "run-claude", () => clock.now);
  await lease.check();
  expect(await minutesLeft()).toBe(60);
  clock.now += 10 * minute;
  await lease.check();
  expect(await minutesLeft()).toBe(50);
  clock.now += 15 * minute;
  await lease.check();
  expect(await minutesLeft()).toBe(60);
  // From here on nobody renews it.
  clock.now += 61 * minute;
  expect(await status()).toBe(401);
  await lease.check();
  expect([await status(), await minutesLeft()]).toEqual([200, 60]);
});

it("leaves the token as it is at a server that cannot renew, or that is away", async () => {
  const { clock, alice, minutesLeft } = await open();
  for (const url of ["http://127.0.0.1:1", fakeApi({}).url]) {
    const lease = new TokenLease(
      new ApiClient({ url, token: alice.bearer }, {}),
      "run-claude",
      () => clock.now,
    );
    await lease.check();
    await lease.stop();
  }
  expect(await minutesLeft()).toBe(24 * 60);
});

it("no token renews itself, nobody that of another user, and none for longer than a day or its maker (T245)", async () => {
  const { clock, server, alice, at, make, minutesLeft } = await open();
  const view = { role: "view", resource: "tokens" } as const;
  const seeing = await server.user("carol", [create, view]);
  const maker = await make("maker", { expiresAt: at(30), roleBindings: [create, view] }, seeing.call);
  const asMaker = server.as(maker.token);
  await make("child", { expiresAt: at(20) }, asMaker);
  const renew = async (call: typeof alice.call, name: string, body: object = { seconds: 3600 }) =>
    (await call("POST", `${tokens}/${name}/renew`, body)).status;
  expect(await renew(asMaker, "maker")).toBe(403);
  expect([await renew(asMaker, "child"), await minutesLeft("child")]).toEqual([200, 30]);
  expect(await renew(seeing.call, "run-claude")).not.toBe(200);
  const bob = await server.user("bob", [{ role: "edit", resource: "*" }]);
  expect(await renew(bob.call, "run-claude")).toBe(403);
  for (const seconds of [0, -1, 86_401, 1.5, "60", null])
    expect(await renew(alice.call, "run-claude", { seconds }), String(seconds)).toBe(400);
  expect(await renew(alice.call, "run-claude", { seconds: 60, expiresAt: at(9999) })).toBe(400);
  await must(alice.call("POST", tokens, { name: "for-ever" }));
  expect(await renew(alice.call, "for-ever")).toBe(409);
  expect(await minutesLeft()).toBe(24 * 60);
  const { body: events } = await server.admin("GET", "/api/v1/audit?action=renew");
  expect(events).toMatchObject([{ user: "carol", detail: { kind: "token", name: "child" } }]);
  expect(clock.now).toBe(Date.parse("2026-11-21T10:00:00Z"));
});

it("a stream that was opened before a renewal lasts as long as the token now does", async () => {
  const { catalogue, clocks } = await startTestSessions();
  const ends = clocks.now + minute;
  const spec = { roleBindings: [], expiresAt: new Date(ends + minute).toISOString() };
  await catalogue.commit([
    { op: "insert", row: { ...row("tok_1", "token", "run"), owner: "usr_alice", spec }, refs: [] },
  ]);
  const before = { ...user("alice"), kind: "Token" as const, id: "tok_1", expiresAt: ends };
  const isValid = (now: number) => isStillValid(catalogue.snapshot, before, now);
  expect([isValid(ends), isValid(ends + minute - 1), isValid(ends + minute)]).toEqual([true, true, false]);
});
