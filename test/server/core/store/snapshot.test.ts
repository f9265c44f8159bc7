import { expect, it } from "vitest";
import { seeded } from "../../../../bench/seeded.ts";
import { userPrincipal } from "../../../../src/server/core/access/principals.ts";
import type { Pointer } from "../../../../src/server/core/store/indexes.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { Change, Contents, Row, Session } from "../../../../src/server/core/store/types.ts";
import { row } from "../../../support/row.ts";

const session = (id: string, userId: string): Session => ({
  id,
  hash: `hash-${id}`,
  userId,
  createdAt: 1,
  expiresAt: 9,
  impersonatorId: null,
  impersonatorSessionId: null,
});

const contents: Contents = {
  revision: 10,
  rows: [
    row("u1", "user", "alice"),
    row("u2", "user", "bob"),
    row("t1", "token", "t", { owner: "u1" }),
    row("g1", "group", "g"),
  ],
  refs: [{ fromId: "g1", path: "/members/0", toId: "u1", onDelete: "clear" }],
  bearers: [{ hash: "bearer-t1", tokenId: "t1" }],
  sessions: [session("s1", "u1"), session("s2", "u2")],
  withPassword: ["u1", "u2"],
  lastUsed: [{ tokenId: "t1", at: 5 }],
};
const nothing: Omit<Contents, "revision"> = {
  rows: [],
  refs: [],
  bearers: [],
  sessions: [],
  withPassword: [],
  lastUsed: [],
};

function after(changes: Omit<Change, "revision">[], now: Partial<Contents> = {}): Snapshot {
  const numbered = changes.map((change, i) => ({ ...change, revision: 11 + i }));
  return new Snapshot(contents).after(numbered, { ...nothing, ...now });
}

it("a snapshot has rows by id, and by name within a kind and scope, sorted", () => {
  const rows = [
    row("1", "token", "b"),
    row("2", "token", "a", { scope: "p" }),
    row("3", "token", "a"),
    row("4", "user", "a"),
  ];
  const snapshot = new Snapshot({ ...contents, rows });
  expect(snapshot.table("token").sorted.map(({ id }) => id)).toEqual(["3", "2", "1"]);
  expect(snapshot.named("token", "a", "p")?.id).toBe("2");
  expect(snapshot.named("token", "a")?.id).toBe("3");
  expect(snapshot.named("user", "b")).toBeUndefined();
  expect(snapshot.table("nothing").sorted).toEqual([]);
});

it("a snapshot keeps a user's row if only its password changes, and its password if only its row changes", () => {
  const password = after([{ kind: "credential", id: "u1", operation: "update" }], { withPassword: ["u1"] });
  expect([...password.byId.keys()].sort()).toEqual(["g1", "t1", "u1", "u2"]);
  expect([...password.sessions.keys()]).toEqual(["hash-s1", "hash-s2"]);
  const renamed = after([{ kind: "user", id: "u1", operation: "update" }], {
    rows: [row("u1", "user", "alice", { version: 2 })],
  });
  expect(renamed.named("user", "alice")?.version).toBe(2);
  expect([...renamed.withPassword].sort()).toEqual(["u1", "u2"]);
  expect(renamed.sessions.size).toBe(2);
  const none = after([{ kind: "credential", id: "u1", operation: "delete" }]);
  expect([...none.withPassword]).toEqual(["u2"]);
});

it("a snapshot keeps a token's bearer when its row changes, and drops it with the row", () => {
  const changed = after([{ kind: "token", id: "t1", operation: "update" }], {
    rows: [row("t1", "token", "t", { version: 2 })],
  });
  expect(changed.bearers.get("bearer-t1")).toBe("t1");
  expect(after([{ kind: "token", id: "t1", operation: "delete" }]).bearers.size).toBe(0);
});

it("a snapshot drops the credentials and sessions of a deleted user, of which no change tells", () => {
  const gone = after(
    [
      { kind: "group", id: "g1", operation: "update" },
      { kind: "user", id: "u1", operation: "delete" },
    ],
    { rows: [row("g1", "group", "g", { version: 2 })] },
  );
  expect([...gone.sessions.keys()]).toEqual(["hash-s2"]);
  expect([...gone.withPassword]).toEqual(["u2"]);
  expect(gone.pointersTo.get("u1")).toBeUndefined();
  expect(gone.revision).toBe(12);
});

it("a snapshot drops one login session and no other", () => {
  const ended = after([{ kind: "session", id: "s1", operation: "delete" }]);
  expect([...ended.sessions.keys()]).toEqual(["hash-s2"]);
  expect(ended.byId.size).toBe(4);
});

it("a snapshot never changes, and shares unchanged tables with the next one", () => {
  const before = new Snapshot(contents);
  const users = before.table("user");
  const next = before.after([{ revision: 11, kind: "group", id: "g1", operation: "delete" }], nothing);
  expect([before.revision, before.byId.size, before.pointersTo.get("u1")?.length]).toEqual([10, 4, 1]);
  expect([next.revision, next.byId.size, next.pointersTo.get("u1")]).toEqual([11, 3, undefined]);
  expect(next.table("user")).toBe(users);
  expect(next.volatile).toBe(before.volatile);
});

it("a snapshot after many changes is what one of the same contents would be", () => {
  const kinds = ["user", "token", "project"];
  const random = seeded(7);
  const pick = (count: number) => Math.floor(random() * count);
  const rows = new Map<string, Row>();
  const refs = new Map<string, Pointer>();
  const made = (n: number): Row => {
    const kind = kinds[n % 3]!;
    // Tokens of several owners have one name.
    return row(`id-${n}`, kind, `n${pick(6)}`, {
      scope: kind === "project" ? `s${pick(3)}` : "",
      version: pick(99),
    });
  };
  let snapshot = new Snapshot({ ...nothing, revision: 1 });
  for (const kind of kinds) snapshot.table(kind);
  for (let revision = 2; revision < 200; revision++) {
    const changes: Change[] = [];
    const now: Omit<Contents, "revision"> = { ...nothing, rows: [], refs: [] };
    for (const n of new Set([pick(40), pick(40), pick(40)])) {
      const next = made(n);
      const { id, kind } = next;
      const isThere = rows.has(id);
      if (isThere && pick(2) === 0) {
        changes.push({ revision, kind, id, operation: "delete" });
        rows.delete(id);
        refs.delete(id);
        continue;
      }
      changes.push({ revision, kind, id, operation: isThere ? "update" : "insert" });
      const ref: Pointer = { fromId: id, path: "/x", toId: `id-${pick(5)}`, onDelete: "clear" };
      rows.set(id, next);
      refs.set(id, ref);
      now.rows.push(next);
      now.refs.push(ref);
    }
    snapshot = snapshot.after(changes, now);
    const whole = new Snapshot({ ...nothing, revision, rows: [...rows.values()], refs: [...refs.values()] });
    for (const kind of kinds) {
      const [is, should] = [snapshot.table(kind), whole.table(kind)];
      expect(is.sorted).toEqual(should.sorted);
      expect(sortedEntries(is.byName)).toEqual(sortedEntries(should.byName));
      expect(sortedEntries(is.scoped)).toEqual(sortedEntries(should.scoped));
    }
    const pointers = (of: Snapshot) =>
      sortedEntries(of.pointersTo).map(([id, list]) => [id, list.map(({ fromId }) => fromId).toSorted()]);
    expect(pointers(snapshot)).toEqual(pointers(whole));
    for (const id of rows.keys()) expect(snapshot.refsOf(id)).toEqual(whole.refsOf(id));
  }
});

it("a write looks at the names of few of the rows that it leaves as they are (T328)", () => {
  const count = 2000;
  let looks = 0;
  const rows = Array.from({ length: count }, (_, n) =>
    Object.defineProperty(row(`u${n}`, "user", ""), "name", {
      get() {
        looks++;
        return `name-${n}`;
      },
    }),
  );
  const before = new Snapshot({ ...nothing, revision: 1, rows });
  before.table("user");
  looks = 0;
  const changed = row("u7", "user", "name-7", { version: 2 });
  const next = before.after([{ revision: 2, kind: "user", id: "u7", operation: "update" }], {
    ...nothing,
    rows: [changed],
  });
  expect(next.named("user", "name-7")).toBe(changed);
  expect(next.table("user").sorted).toHaveLength(count);
  expect(looks).toBeLessThan(100);
});

it("the groups and bindings of users are worked out once for all writes to other kinds (T328)", () => {
  let looks = 0;
  const counting = (id: string, kind: string, spec: Row["spec"]): Row =>
    Object.defineProperty(row(id, kind, id), "spec", {
      get() {
        looks++;
        return spec;
      },
    });
  const groups = Array.from({ length: 500 }, (_, n) => counting(`g${n}`, "group", { members: ["alice"] }));
  const subjects = [{ kind: "User", name: "bob" }];
  const bindings = Array.from({ length: 500 }, (_, n) =>
    counting(`b${n}`, "rbac", { subjects, roleBindings: [] }),
  );
  const alice = row("u1", "user", "alice");
  let snapshot = new Snapshot({ ...nothing, revision: 1, rows: [alice, ...groups, ...bindings] });
  expect(userPrincipal(snapshot, "u1")?.groups).toHaveLength(500);
  looks = 0;
  for (let revision = 2; revision < 12; revision++) {
    const changes: Change[] = [{ revision, kind: "llm", id: `l${revision}`, operation: "insert" }];
    snapshot = snapshot.after(changes, { ...nothing, rows: [row(`l${revision}`, "llm", `l${revision}`)] });
    expect(userPrincipal(snapshot, "u1")?.groups).toHaveLength(500);
  }
  expect(looks).toBe(0);
});

function sortedEntries<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
