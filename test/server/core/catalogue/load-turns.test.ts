import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { planRestore } from "../../../../src/server/backups/restore-plan.ts";
import { Catalogue } from "../../../../src/server/core/catalogue/catalogue.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { tableInTurns, tableOf } from "../../../../src/server/core/store/tables.ts";
import type { Row, Write } from "../../../../src/server/core/store/types.ts";
import { insert, remove, row } from "../../../contract/store-fixtures.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { spin, turnsOf } from "../../../support/turns.ts";

const count = 128;

/** A row that takes a while to be brought into form. */
function slowRow(n: number, turnOf: () => void): Row {
  const row = {
    id: `prj_${n}`,
    kind: "project",
    scope: "",
    name: `p${n}`,
    owner: null,
    visibility: null,
    status: {},
    version: 1,
    createdAt: 1,
    updatedAt: 1,
  };
  return {
    ...row,
    get spec() {
      turnOf();
      spin(0.1);
      return {};
    },
  };
}

it("a catalogue is read, brought into form and indexed in several turns, when it is opened and loaded again (T338)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  onTestFinished(() => store.close());
  let turn = 0;
  let isOver = false;
  const next = () => {
    turn++;
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  onTestFinished(() => {
    isOver = true;
  });
  const read: number[] = [];
  const formed = new Set<number>();
  const slow = {
    ...store,
    async load() {
      const contents = await store.load();
      spin(10);
      read.push(turn);
      const rows = Array.from({ length: count }, (_, n) => slowRow(n, () => formed.add(turn)));
      return { ...contents, rows };
    },
  };
  const catalogue = await Catalogue.open(slow, () => {});
  expect(catalogue.snapshot.byId.size).toBe(count);
  expect(formed.size).toBeGreaterThan(1);
  expect([...formed].every((one) => one >= read[0]!)).toBe(true);
  expect(turn).toBeGreaterThan(read[0]!);

  formed.clear();
  let heard = 0;
  catalogue.subscribe((changes) => {
    if (changes === null) heard = turn;
  });
  slow.changesSince = async () => null;
  const asked = turn;
  await catalogue.refresh();
  expect(read[1]).toBeGreaterThan(asked);
  expect(formed.size).toBeGreaterThan(1);
  expect(heard).toBeGreaterThan(Math.max(read[1]!, Math.min(...formed)));
});

it("what was written for long is read again in another turn (T364)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  onTestFinished(() => store.close());
  let isSameTurn = false;
  const sameTurn: boolean[] = [];
  const slow = (milliseconds: number) => ({
    ...store,
    async commit(writes: readonly Write[]) {
      spin(milliseconds);
      isSameTurn = true;
      setImmediate(() => {
        isSameTurn = false;
      });
      return store.commit(writes);
    },
    changesSince(...args: Parameters<typeof store.changesSince>) {
      sameTurn.push(isSameTurn);
      return store.changesSince(...args);
    },
  });
  const catalogue = await Catalogue.open(slow(10), () => {});
  const write = insert("a") as Extract<Write, { op: "insert" }>;
  await catalogue.commit([{ ...write, row: { ...write.row, kind: "server" } }]);
  expect(sameTurn).toEqual([false]);
  expect(catalogue.snapshot.byId.has("a")).toBe(true);
});

it("a file is read in several turns, as it was at one moment (T338)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  onTestFinished(() => store.close());
  const rows = Array.from({ length: 4000 }, (_, n) => insert(`row-${String(n).padStart(5, "0")}`));
  const revision = await store.commit(rows);
  const loading = turnsOf(store.load());
  await store.commit([remove("row-03999"), insert("late")]);
  const { value, turns } = await loading;
  expect(turns).toBeGreaterThan(3);
  expect(value.revision).toBe(revision);
  const ids = value.rows.map(({ id }) => id);
  expect(ids).toEqual(rows.map((write) => (write as Extract<Write, { op: "insert" }>).row.id));
  expect(await store.load()).toMatchObject({ revision: revision + 2 });
});

it("a file that is read leaves no log with deleted values, and is closed behind the reading (T33)", async () => {
  const path = join(temporaryFolder(), "mcpctl.db");
  const store = await openStore({ path, now: Date.now });
  await store.commit(Array.from({ length: 90 }, (_, n) => insert(`row-${n}`)));
  await store.load();
  await store.commit([{ op: "deleteSecretData", ref: "r" }]);
  expect(Bun.file(`${path}-wal`).size).toBe(0);
  const loading = store.load();
  await store.close();
  expect((await loading).rows).toHaveLength(90);
  expect(existsSync(`${path}-wal`)).toBe(false);
});

it("a restore is planned in several turns (T338)", async () => {
  const slow = (name: string, kind: string) => ({
    ...{ id: `${kind}-${name}`, scope: "", name, owner: null, externalRef: undefined, backend: "" },
    get kind() {
      spin(0.1);
      return kind;
    },
  });
  const existing = { version: 1, isBuiltIn: false, isDefault: false };
  const planned = Array.from({ length: count }, (_, n) => slow(`${n}`, "llm"));
  const there = planned.map(({ id, kind, scope, name, owner }) => ({
    ...{ id, kind, scope, name, owner, externalRef: null },
    ...existing,
  }));
  const { value, turns } = await turnsOf(planRestore(planned, there, () => true, "replace"));
  expect(turns).toBeGreaterThan(2);
  expect([...value.values()].every(({ result }) => result === "replaced")).toBe(true);
});

it("the rows of a kind are sorted in several turns, and are the same table (T338)", async () => {
  const rows = Array.from({ length: 3 * count }, (_, n) => {
    const [scope, name] = [n % 3 === 0 ? "" : `scope-${n % 5}`, `n${(n * 7919) % 97}`];
    return { ...row(`row-${n}`, { name }), scope };
  });
  const table = tableOf(rows);
  expect(await tableInTurns(rows)).toEqual(table);
  expect((await tableInTurns(rows)).sorted.map(({ id }) => id)).toEqual(table.sorted.map(({ id }) => id));
  const slow = rows.map((one, n) => ({
    ...one,
    name: `n${n}`,
    get scope() {
      spin(0.1);
      return one.scope;
    },
  }));
  expect((await turnsOf(tableInTurns(slow))).turns).toBeGreaterThan(3);
});
