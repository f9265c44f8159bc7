import { describe, expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { addLlm, events, withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

describe("a batch whose llm cannot take it", () => {
  it("waits for an llm that is gone, without a call, and goes on when it is back (failure mode 198)", async () => {
    const held = Promise.withResolvers<void>();
    const { server, provider, bearer } = await withProvider(
      async (seen, connection) => {
        await held.promise;
        echo(seen, connection);
      },
      { limits: { maxConcurrent: 1 } },
      { tick: 50 },
    );
    const api = sdkAt(server.url, bearer);
    const { id } = await api.begin([line("a")]);
    await expect.poll(() => provider.seen.length, { timeout: 10_000 }).toBe(1);
    const next = await api
      .begin(Array.from({ length: 5 }, (_, i) => line(`r${i}`, { model: "later" })))
      .catch(() => undefined);
    expect((await api.ended(next!.id)).errors?.data).toMatchObject([{ code: "model_not_found" }]);
    await addLlm(server, { name: "later", url: provider.url });
    const waits = await api.begin([line("w", { model: "later" })]);
    await expect.poll(async () => (await api.openai.batches.retrieve(waits.id)).status).toBe("in_progress");
    await must(server.admin("DELETE", "/api/v1/llms/later"));
    held.resolve();
    await api.ended(id);
    await expect.poll(async () => (await events(server)).length).toBeGreaterThan(0);
    await addLlm(server, { name: "later", url: provider.url });
    expect(await api.ended(waits.id)).toMatchObject({ request_counts: { completed: 1, failed: 0 } });
  });

  it("waits where a limit or its provider refuses for now, and fails where it never can", async () => {
    let refusals = 2;
    const { server, provider, bearer } = await withProvider(
      (seen, connection) => {
        if (refusals-- <= 0) return echo(seen, connection);
        connection.end();
      },
      {},
      { tick: 50 },
    );
    const api = sdkAt(server.url, bearer);
    const batch = await api.ended((await api.begin([line("a"), line("b")])).id);
    expect(batch).toMatchObject({ request_counts: { total: 2, completed: 2, failed: 0 } });
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { tokensPerDay: 1 } }));
    const seen = provider.seen.length;
    const { id } = await api.begin([line("a")]);
    await expect
      .poll(async () => (await events(server)).filter(({ status }) => status === 429).length, {
        timeout: 10_000,
      })
      .toBeGreaterThan(1);
    expect(provider.seen).toHaveLength(seen);
    expect((await api.openai.batches.retrieve(id)).status).toBe("in_progress");
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: null }));
    expect(await api.ended(id)).toMatchObject({ request_counts: { completed: 1 } });
  });
});
