import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import type { Store } from "../../../../../src/server/core/store/types.ts";
import { insert } from "../../../../contract/store-fixtures.ts";
import { turnsOf } from "../../../../support/turns.ts";

const count = 6000;
const owner = { ownerId: "usr_1" };
const folder = mkdtempSync(join(tmpdir(), "mcpctl-"));
const path = join(folder, "mcpctl.db");
let store: Store;

beforeAll(async () => {
  const first = await openStore({ path, now: Date.now });
  await first.commit([insert("usr_1", { kind: "user" }), insert("agent", { kind: "agent" })]);
  await first.close();
  using database = new Database(path);
  const numbers = `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${count})`;
  database.run(
    `${numbers} insert into threads select printf('thr_%05d', n), 'agent', 'usr_1', '', 1, n % 7, 0 from numbers`,
  );
  database.run(`${numbers} insert into stored_files
    select printf('file_%05d', n), 'usr_1', '', 'a', 'batch', 'processed', 2, 1, null from numbers`);
  database.run(`${numbers} insert into inference_tasks
    (id, owner_id, token_id, seq, custom_id, operation, llm, state, request, answer, request_id, attempts, priority,
     idempotency_key, not_before, deadline, runner, created_at, ended_at)
    select printf('tsk_%05d', n), 'usr_1', '', 0, '', 'chat', 'gpt', iif(n % 2, 'pending', 'completed'), 'größe', 'ja', '',
      0, 0, '', 0, 9, '', 1, iif(n % 2, null, n) from numbers`);
  store = await openStore({ path, now: Date.now });
  return async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  };
});

it.each([
  ["threads", () => store.threads("usr_1")],
  ["files", () => store.files(owner, { limit: count })],
  ["tasks", () => store.tasksAlone(owner, { limit: count })],
])("%s in large numbers are read in several turns (T363)", async (_, read) => {
  const { value, turns } = await turnsOf<{ id: string }[]>(read());
  expect(new Set(value.map(({ id }) => id)).size).toBe(count);
  expect(turns).toBeGreaterThan(4);
});

it("pages go on behind the first ones, in either order, and threads are sorted by their last use", async () => {
  const files = await store.files(owner, { limit: 1500, isAscending: true, after: "file_00010" });
  expect([files[0], files.at(-1)].map((file) => file?.id)).toEqual(["file_00011", "file_01510"]);
  const tasks = await store.tasksAlone(owner, { limit: 1500 });
  expect([tasks[0], tasks.at(-1)].map((task) => task?.id)).toEqual(["tsk_06000", "tsk_04501"]);
  const times = (await store.threads("usr_1")).map(({ updatedAt, id }) => `${updatedAt} ${id}`);
  expect(times).toEqual([...times].sort().reverse());
  expect((await store.threadUse("usr_1")).threads).toBe(count);
});

it("what a user's tasks take is added up in several turns (T363)", async () => {
  const { value, turns } = await turnsOf(store.taskUse("usr_1"));
  expect(value).toEqual({ open: count / 2, bytes: count * (7 + 2 + 4096) });
  expect(turns).toBeGreaterThan(1);
});

it.each([
  "select id from inference_tasks where batch_id is null order by id desc limit 50",
  "select id from inference_tasks where owner_id = 'usr_1' and batch_id is null order by id desc limit 50",
  "select id from inference_tasks where batch_id is null and ended_at < 5 limit 100",
  "select id from inference_tasks where batch_id = 'batch' and state = 'pending' order by seq limit 1",
  "select id from stored_files where owner_id = 'usr_1' order by id desc limit 50",
  "select id from inference_batches where owner_id = 'usr_1' order by id desc limit 50",
])("%s: reads no more rows than it returns (T363)", (query) => {
  using database = new Database(path, { readonly: true });
  using statement = database.prepare<{ detail: string }, []>(`explain query plan ${query}`);
  const plan = statement.all().map(({ detail }) => detail);
  expect(plan).toHaveLength(1);
  expect(plan[0]).toMatch(/USING (COVERING )?INDEX (?!inference_tasks_batch_id \(batch_id=\?\))/);
});
