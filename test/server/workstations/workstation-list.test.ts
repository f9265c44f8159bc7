import { expect, it } from "vitest";
import type { RoleBinding } from "../../../src/kinds/grants.ts";
import { hour, minute, provider, startTestSessions, user } from "./test-sessions.ts";

const desk = { workstation: "desk", agentVersion: "1.2.3" };
const grants = (...more: RoleBinding[]): RoleBinding[] => [{ role: "expose", resource: "llms" }, ...more];

it("lists a workstation with its user, version, connection and what it publishes", async () => {
  const t = await startTestSessions();
  const providers = [provider("small", { initialStatus: "hibernating" }), provider("big")];
  const { id, epoch } = await t.attachAgent({ ...desk, providers });
  await t.sessions.report(id, { llms: { big: { status: "active" } } });
  const entry = {
    name: "desk",
    user: "alice",
    state: "connected",
    connectedSince: "2026-11-21T10:00:00.000Z",
    lastSeenAt: "2026-11-21T10:00:00.000Z",
    version: "1.2.3",
    publishes: [
      { kind: "llm", name: "big", status: "active" },
      { kind: "llm", name: "small", status: "hibernating" },
    ],
  };
  expect(await t.sessions.workstations(user("alice"))).toEqual([entry]);
  await t.sessions.detached(id, epoch);
  await t.advance(minute);
  expect(await t.sessions.workstations(user("alice"))).toMatchObject([
    { name: "desk", state: "away", connectedSince: null, lastSeenAt: "2026-11-21T10:00:00.000Z" },
  ]);
  await t.advance(5 * hour);
  expect(await t.sessions.workstations(user("alice"))).toEqual([]);
});

it("tells others only of what they may see, and of a machine only with something on it that they may see (T235)", async () => {
  const t = await startTestSessions();
  await t.attachAgent({
    ...desk,
    providers: [provider("shared", { visibility: "public" }), provider("own"), provider("lent")],
  });
  await t.attachAgent({ workstation: "laptop", providers: [provider("secret")] });
  await t.attachAgent({ workstation: "idle" });
  const seen = async (name: string, ...bindings: RoleBinding[]) =>
    (await t.sessions.workstations(user(name, bindings))).map(({ name, publishes }) => [
      name,
      ...publishes.map((one) => one.name),
    ]);
  const all = [["desk", "lent", "own", "shared"], ["idle"], ["laptop", "secret"]];
  expect(await seen("alice", ...grants())).toEqual(all);
  expect(await seen("bob", { role: "view", resource: "*" })).toEqual(all);
  expect(await seen("bob", { role: "view", resource: "llms" })).toEqual([["desk", "shared"]]);
  expect(await seen("bob", { role: "view", resource: "llms", name: "lent" })).toEqual([["desk", "lent"]]);
  // A right to call a model, and a right to publish others, tell of no machine.
  expect(await seen("bob", { role: "run", resource: "llms" })).toEqual([]);
  expect(await seen("bob", ...grants())).toEqual([["desk", "shared"]]);
  // What is hers she sees in any case, and a machine with nothing on it only if she may publish.
  expect(await seen("alice", { role: "run", resource: "projects" })).toEqual([all[0], all[2]]);
});

it("knows workstations of another server on the database, and after a restart, by their rows", async () => {
  const t = await startTestSessions();
  await t.attachAgent({ ...desk, providers: [provider("big")] });
  const second = await t.startSecondServer();
  const [found] = await second.sessions.workstations(user("alice"));
  expect(found).toMatchObject({ ...{ name: "desk", version: "1.2.3" }, user: "alice", connectedSince: null });
  const later = await t.restart();
  expect(await later.sessions.workstations(user("alice"))).toMatchObject([
    { name: "desk", version: "1.2.3" },
  ]);
});

it("shows the machine with each llm, takes an agent that names none, and refuses names that deceive (T42)", async () => {
  const t = await startTestSessions();
  const shown = async (about: object, name = "big") =>
    (await t.register({ ...about, providers: [provider(name)] })).llms[0];
  expect(await shown(desk)).toMatchObject({ name: "big", workstation: "desk" });
  expect(await shown({}, "other")).toMatchObject({ name: "other", workstation: null });
  for (const workstation of ["a b", "\u001b[2J", "x\u202ey", "n".repeat(65), "", 7])
    await expect(shown({ workstation } as object), JSON.stringify(workstation)).rejects.toMatchObject({
      code: "invalid_request",
      details: [{ path: "/workstation" }],
    });
});
