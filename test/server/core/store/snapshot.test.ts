import { expect, it } from "vitest";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { Change, Contents, Session } from "../../../../src/server/core/store/types.ts";
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
