import { Database } from "bun:sqlite";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { testServer } from "../../../support/server.ts";
import { withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

it("a batch goes on after its server was killed in the middle, and every request has one answer (failure mode 197)", async () => {
  let asked = 0;
  const { server, provider, bearer } = await withProvider(
    // The first three are answered; the others were with the provider when the server died.
    (seen, connection) => (++asked <= 3 || asked > 7 ? echo(seen, connection) : undefined),
    {},
    { tick: 50 },
  );
  const before = sdkAt(server.url, bearer);
  const { id, input_file_id: input } = await before.begin(
    Array.from({ length: 12 }, (_, i) => line(`r${i}`)),
  );
  await expect.poll(() => provider.seen.length).toBe(7);
  const copy = join(server.folder, "copy.db");
  const database = new Database(join(server.folder, "mcpctl.db"), { readonly: true });
  const completed = () =>
    database.query("select count(*) from inference_tasks where state = 'completed'").values()[0]![0];
  await expect.poll(completed).toBe(3);
  // The file as a kill leaves it.
  database.run(`vacuum into '${copy}'`);
  database.close();
  const reopened = await openStore({ path: copy, now: Date.now });
  expect(await reopened.taskCounts(id)).toMatchObject({ completed: 3, running: 4, pending: 5 });
  await reopened.addFile({
    ...(await reopened.file(input))!,
    id: "file_half",
    state: "uploading",
    createdAt: Date.now() - 2 * 60 * 60_000,
  });
  const next = await testServer({ store: reopened, tick: 50 });
  const after = sdkAt(next.url, bearer);
  const batch = await after.ended(id);
  expect(batch).toMatchObject({
    status: "completed",
    request_counts: { total: 12, completed: 12, failed: 0 },
  });
  const ids = (await after.linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id);
  expect(ids).toEqual(Array.from({ length: 12 }, (_, i) => `r${i}`));
  await expect.poll(() => reopened.file("file_half")).toBeNull();
  await expect.poll(() => reopened.tasksOfBatch(id, 0, 20)).toEqual([]);
});
