import { expect, it } from "vitest";
import { policyFrom } from "../../../../src/server/core/access/compiled-policy.ts";
import { compilePolicy } from "../../../../src/server/core/access/policy.ts";
import { hasSameRights, principalAt, userPolicy } from "../../../../src/server/core/access/principals.ts";
import type { GrantRow } from "../../../../src/server/core/access/row-grants.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { Contents, Row } from "../../../../src/server/core/store/types.ts";
import { llm } from "./policy-fixtures.ts";

const user: Row = llm("alice", { id: "usr_a", kind: "user", visibility: null, owner: null });
const binding = (id: string, grants: number): Row => ({
  ...llm(id, { id, kind: "rbac", visibility: null }),
  spec: {
    subjects: Array.from({ length: 1000 }, (_, n) => ({ kind: "User", name: n === 0 ? "alice" : `u${n}` })),
    roleBindings: Array.from({ length: grants }, () => ({ role: "run", resource: "llms", name: "gpt" })),
  },
});

const contents = (rows: Row[]): Contents => ({
  revision: 1,
  rows,
  refs: [],
  bearers: [],
  sessions: [],
  withPassword: [],
  lastUsed: [],
});

it("a user's policy is the same object in every snapshot in which its bindings are the same (T292)", () => {
  const first = binding("b1", 1000);
  const one = new Snapshot(contents([user, first]));
  const two = new Snapshot(contents([user, first, llm("new")]));
  expect(userPolicy(two, user)).toBe(userPolicy(one, user));
  const principal = principalAt(one, {
    kind: "User",
    id: user.id,
    name: "alice",
    userId: user.id,
    userName: "alice",
    groups: [],
    policies: [],
  });
  expect(hasSameRights(two, principal)).toBe(true);

  const three = new Snapshot(contents([user, first, binding("b2", 1)]));
  expect(userPolicy(three, user)).not.toBe(userPolicy(one, user));
  const changed = { ...first, spec: { ...first.spec, roleBindings: [] } };
  const four = new Snapshot(contents([user, changed]));
  expect(userPolicy(four, user).onName.size).toBe(0);
  expect(hasSameRights(four, principal)).toBe(false);
  expect(userPolicy(new Snapshot(contents([user])), user).onName.size).toBe(0);
});

it("the policy of one holder is not taken for that of another one (T292)", () => {
  const rows = [binding("b1", 1)] as unknown as GrantRow[];
  const other = { ...user, id: "usr_b", name: "bob" };
  expect(policyFrom(user, rows)).not.toBe(policyFrom(other, rows));
  expect(policyFrom(user, [])).not.toEqual(policyFrom(user, rows));
});

it("thousands of grants on one name are one entry, those to another owner's row another one (T292)", () => {
  const grant = { role: "run", resource: "llms", name: "gpt" } as const;
  const policy = compilePolicy([
    ...Array.from({ length: 5000 }, () => ({ ...grant, boundTo: { id: "llm_1", owner: "a" } })),
    { ...grant, role: "view", boundTo: { id: "llm_1", owner: "a" } },
    { ...grant, boundTo: { id: "llm_2", owner: "a" } },
    { ...grant, boundTo: { id: "llm_1", owner: null } },
    grant,
  ]);
  expect(policy.onName.get("llms/gpt")).toEqual([
    { verbs: 17, boundTo: { id: "llm_1", owner: "a" } },
    { verbs: 16, boundTo: { id: "llm_2", owner: "a" } },
    { verbs: 16, boundTo: { id: "llm_1", owner: null } },
    { verbs: 16, boundTo: undefined },
  ]);
});
