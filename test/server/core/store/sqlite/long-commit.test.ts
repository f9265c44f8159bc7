import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { StoreError } from "../../../../../src/server/core/store/types.ts";
import { event, insert, remove } from "../../../../contract/store-fixtures.ts";
import { must, testServer } from "../../../../support/server.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { turnsOf } from "../../../../support/turns.ts";

const count = 800;
const many = Array.from({ length: count }, (_, n) => insert(`row-${n}`));

async function open() {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: () => 1_700_000_000_000 });
  onTestFinished(() => store.close());
  const names = async () => (await store.load()).rows.map(({ id }) => id);
  return { store, names };
}

it("a long commit takes several turns, and others see all of it or nothing (T351)", async () => {
  const { store, names } = await open();
  const committing = turnsOf(store.commit([...many, { op: "audit", event: event(1) }]));
  const seen = new Set<number>();
  for (let n = 0; n < 3; n++) {
    await store.commit([insert(`other-${n}`)]);
    seen.add((await names()).length - n - 1);
  }
  const { value: revision, turns } = await committing;
  expect(turns).toBeGreaterThan(3);
  expect([...seen].filter((rows) => rows !== 0 && rows !== count)).toEqual([]);
  expect(revision).toBeGreaterThanOrEqual(count);
  expect(await names()).toHaveLength(count + 3);
  expect(await store.changesSince(0, 10_000)).toHaveLength(count + 3);
  expect(await store.queryAudit({ limit: 10 })).toHaveLength(1);
});

it("a long commit that is refused at its end has written nothing, and holds nothing up (T351)", async () => {
  const { store, names } = await open();
  await store.commit([insert("there")]);
  const late = store.commit([...many, { op: "audit", event: event(1) }, insert("there")]);
  const other = store.commit([insert("other")]);
  await expect(late).rejects.toThrow(new StoreError("taken"));
  await other;
  expect(await names()).toEqual(["there", "other"]);
  expect(await store.queryAudit({ limit: 10 })).toEqual([]);
  await expect(store.commit([...many, remove("missing")])).rejects.toThrow(new StoreError("stale"));
  await store.commit(many);
  expect(await names()).toHaveLength(count + 2);
});

it("what thousands of rows refer to is deleted in several turns (T351)", async () => {
  const { store } = await open();
  const server = await testServer({ store });
  const llm = { name: "gpt", type: "openai", model: "m" };
  const { id } = (await must(server.admin("POST", "/api/v1/llms?probe=false", llm))).body;
  const projects = many.map((_, n) => insert(`prj-${n}`, { kind: "project", spec: { llm: "gpt" } }));
  const clear = { path: "/llm", toId: id, onDelete: "clear" } as const;
  await store.commit(projects.map((write) => ({ ...write, refs: [clear] }) as typeof write));
  // So that the server has read them.
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "other" }));
  const { turns } = await turnsOf(must(server.admin("DELETE", "/api/v1/llms/gpt")));
  expect(turns).toBeGreaterThan(10);
  const { rows, refs } = await store.load();
  expect(refs.filter(({ toId }) => toId === id)).toEqual([]);
  expect(rows.filter(({ kind, spec }) => kind === "project" && spec["llm"] === "gpt")).toEqual([]);
  expect(rows.filter(({ kind, version }) => kind === "project" && version === 2)).toHaveLength(count);
});
