import { expect, it } from "vitest";
import { kindOf } from "../../../../src/kinds/index.ts";
import { nearest } from "../../../../src/kinds/names.ts";
import { serverPrincipal } from "../../../../src/server/core/access/policy.ts";
import { resolveReferences } from "../../../../src/server/core/catalogue/draft.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { Row } from "../../../../src/server/core/store/types.ts";
import { testServer } from "../../../support/server.ts";

it("a word of millions of letters is compared with no other (T294)", async () => {
  expect(nearest("l".repeat(4_000_000), ["llms"])).toBeUndefined();
  expect(nearest("lms", ["llms"])).toBe("llms");
  const server = await testServer();
  const roleBindings = [{ role: "view", resource: "x".repeat(3_000_000) }];
  const { status, body } = await server.admin("POST", "/api/v1/tokens", { name: "t", roleBindings });
  expect([status, body.details]).toEqual([
    400,
    [{ path: "/roleBindings/0/resource", message: "unknown resource" }],
  ]);
});

it("an object with hundreds of faults lists twenty, and says how many there are (T294)", async () => {
  const server = await testServer();
  const subjects = Array.from({ length: 500 }, (_, n) => ({ kind: "User", name: `nobody-${n}` }));
  const { status, body } = await server.admin("POST", "/api/v1/rbac", { name: "b", subjects });
  expect(status).toBe(400);
  expect(body.details).toHaveLength(20);
  expect(body.error).toContain("(and 499 more)");
});

it("the members of a group of 10,000 stay the rows that they were, also where one is gone (T294)", () => {
  const row = (id: string, kind: string, name: string, spec: object = {}): Row => ({
    ...{ id, kind, name, scope: "", owner: null, visibility: null, version: 1, createdAt: 0, updatedAt: 0 },
    ...{ spec: spec as Row["spec"], status: {} },
  });
  const users = Array.from({ length: 10_000 }, (_, n) => row(`usr_${n}`, "user", `u${n}`));
  const members = users.map(({ name }) => name);
  const before = row("grp_1", "group", "all", { members });
  const refs = users.map(({ id }, n) => ({
    fromId: before.id,
    path: `/members/${n}`,
    toId: id,
    onDelete: "clear" as const,
  }));
  const contents = { revision: 1, bearers: [], sessions: [], withPassword: [], lastUsed: [] };
  const snapshot = new Snapshot({ ...contents, rows: [...users.slice(1), before], refs });
  const resolved = resolveReferences({
    kind: kindOf("group"),
    row: { ...before, version: 2 },
    before,
    snapshot,
    principal: serverPrincipal,
    sent: () => false,
  });
  expect(resolved.faults).toEqual([
    { path: "/members/0", message: 'there is no user "u0"; did you mean "u1"?' },
  ]);
  expect(resolved.refs).toEqual(refs.slice(1).map(({ fromId: _, ...ref }) => ref));
});
