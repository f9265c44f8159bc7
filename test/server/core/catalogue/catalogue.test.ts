import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Catalogue, type RowChange } from "../../../../src/server/core/catalogue/catalogue.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { type Row, type Store, StoreError, type Write } from "../../../../src/server/core/store/types.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

function project(name: string, version = 1): Row {
  return {
    id: `prj_${name}`,
    kind: "project",
    scope: "",
    name,
    owner: null,
    visibility: null,
    spec: {},
    status: {},
    version,
    createdAt: 1,
    updatedAt: version,
  };
}

async function open(change: (store: Store) => Partial<Store> = () => ({})) {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  onTestFinished(() => store.close());
  // Two of them stand for two servers on one database.
  const changed = { ...store, ...change(store) };
  const errors: unknown[] = [];
  const note = (error: unknown) => void errors.push(error);
  return {
    store,
    errors,
    one: await Catalogue.open(changed, note),
    other: await Catalogue.open(changed, note),
  };
}

function insert(name: string): Write {
  return { op: "insert", row: project(name), refs: [] };
}

it("a catalogue has a write when commit returns, and tells listeners of it once", async () => {
  const { one } = await open();
  const heard: RowChange[] = [];
  one.subscribe((changes) => void heard.push(...changes!));
  await one.commit([insert("a"), insert("b")]);
  expect(one.snapshot.named("project", "a")?.version).toBe(1);
  await one.commit([
    { op: "update", row: project("a", 2), refs: [] },
    { op: "delete", id: "prj_b", version: 1 },
  ]);
  expect(heard.map(({ before, after }) => [before?.name, before?.version, after?.version])).toEqual([
    [undefined, undefined, 1],
    [undefined, undefined, 1],
    ["a", 1, 2],
    ["b", 1, undefined],
  ]);
  expect(heard.map(({ revision }) => revision)).toEqual([1, 2, 3, 4]);
});

it("a catalogue does not change a snapshot that is in use", async () => {
  const { one } = await open();
  const held = one.snapshot;
  await one.commit([insert("a")]);
  expect(held.named("project", "a")).toBeUndefined();
  expect(one.snapshot).not.toBe(held);
});

it("a catalogue loads the writes of another server with its own", async () => {
  const { one, other } = await open();
  await one.commit([insert("a")]);
  expect(other.snapshot.named("project", "a")).toBeUndefined();
  await other.commit([insert("b")]);
  expect(other.snapshot.table("project").sorted.map(({ name }) => name)).toEqual(["a", "b"]);
  await Promise.all([one.refresh(), one.refresh(), one.commit([insert("c")])]);
  expect(one.snapshot.table("project").sorted).toHaveLength(3);
});

it("a catalogue writes nothing if one of the writes is refused", async () => {
  const { one } = await open();
  await one.commit([insert("a")]);
  const { revision } = one.snapshot;
  await expect(one.commit([insert("b"), insert("a")])).rejects.toMatchObject({ refusal: "taken" });
  expect(one.snapshot.revision).toBe(revision);
  expect(one.snapshot.named("project", "b")).toBeUndefined();
});

it("a catalogue remembers changes for watchers, and returns null for older ones", async () => {
  const { one } = await open();
  await one.commit([insert("a")]);
  await one.commit([insert("b")]);
  expect(one.changesSince(0)?.map(({ after }) => after?.name)).toEqual(["a", "b"]);
  expect(one.changesSince(1)?.map(({ after }) => after?.name)).toEqual(["b"]);
  expect(one.changesSince(2)).toEqual([]);
  expect(one.changesSince(3)).toBeNull();
});

it("a catalogue that is too far behind loads everything, and calls listeners with null", async () => {
  const { one, other, store } = await open();
  const heard: unknown[] = [];
  other.subscribe((changes) => void heard.push(changes));
  for (const name of ["a", "b", "c"]) await one.commit([insert(name)]);
  await store.prune(Date.now(), 1);
  await other.refresh();
  expect(heard).toEqual([null]);
  expect(other.snapshot.table("project").sorted).toHaveLength(3);
  expect(other.changesSince(0)).toBeNull();
  expect(other.changesSince(3)).toEqual([]);
});

it("a catalogue refreshes at a doorbell, and goes on after a database did not answer", async () => {
  const rings: (() => void)[] = [];
  let down = true;
  const { one, other, errors } = await open((store) => ({
    onDoorbell: (ring) => {
      rings.push(ring);
      return () => void rings.splice(rings.indexOf(ring), 1);
    },
    changesSince: async (...args) => {
      if (down && args[0] === 0) throw new StoreError("unavailable");
      return await store.changesSince(...args);
    },
  }));
  rings[1]!();
  await expect.poll(() => errors).toHaveLength(1);
  down = false;
  await one.commit([insert("a")]);
  rings[1]!();
  await expect.poll(() => other.snapshot.named("project", "a")?.name).toBe("a");
  one.close();
  other.close();
  expect(rings).toEqual([]);
});

it("a copy follows a catalogue, is waited for by those who write, and ignores what it has", async () => {
  const { one, other, store } = await open();
  await one.commit([insert("a")]);
  await other.refresh();
  const copy = await Catalogue.copyOf(await store.load(), store);
  const names = () => copy.snapshot.table("project").sorted.map(({ name }) => name);
  const late = Promise.withResolvers<void>();
  const asked: number[] = [];
  const told: (() => void)[] = [];
  const stop = other.addFollower({
    changed: (changes, now) => {
      copy.apply(changes, now);
      told.push(() => copy.apply(changes, now));
    },
    reloaded: (contents) => void told.push(() => void copy.replace(contents)),
    reached(revision) {
      asked.push(revision);
      return late.promise;
    },
  });
  let isWritten = false;
  const writing = other.commit([insert("b")]).then(() => {
    isWritten = true;
  });
  await expect.poll(() => asked.length).toBe(1);
  expect(asked).toEqual([copy.snapshot.revision]);
  expect(names()).toEqual(["a", "b"]);
  expect(isWritten).toBe(false);
  late.resolve();
  await writing;
  const { snapshot } = copy;
  told.pop()!();
  expect(copy.snapshot).toBe(snapshot);
  // So many changes at another server that they are no longer listed.
  for (const name of ["c", "d"]) await one.commit([insert(name)]);
  await store.prune(Date.now(), 1);
  await other.refresh();
  const heard: unknown[] = [];
  copy.subscribe((changes) => void heard.push(changes));
  told.pop()!();
  await expect.poll(names).toEqual(["a", "b", "c", "d"]);
  expect(heard).toEqual([null]);
  stop();
  await other.commit([insert("e")]);
  expect(told).toEqual([]);
});
