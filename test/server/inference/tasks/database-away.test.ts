import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { type Refusal, type Store, StoreError } from "../../../../src/server/core/store/types.ts";
import { must } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { chatFrames, chunk, lastChunk, streamHead } from "../../../support/upstream.ts";
import { withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

const steps = ["endTask", "claimTask", "addTaskPart"] as const;
type Step = (typeof steps)[number];

/** A store that fails some steps a few times. Only the end of a task is not stored then: of the others the answer is lost. */
async function failingStore(failures: Partial<Record<Step, number>>, refusal: Refusal = "unavailable") {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const failed: Step[] = [];
  const failing =
    (step: Step) =>
    async (...args: readonly unknown[]) => {
      const left = failures[step] ?? 0;
      const run = () => (store[step] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
      if (left <= 0) return run();
      failures[step] = left - 1;
      failed.push(step);
      if (step !== "endTask") await run();
      throw new StoreError(refusal);
    };
  const proxy: Store = new Proxy(store, {
    get: (target, name) =>
      steps.includes(name as Step) ? failing(name as Step) : Reflect.get(target, name, target),
  });
  return { store: proxy, failed };
}

describe("a database that is away while tasks run (failure mode 251)", () => {
  it.each<Refusal>(["unavailable", "full"])(
    "keeps each answer until it can be stored, and calls no model twice: %s",
    async (refusal) => {
      const { store, failed } = await failingStore({ endTask: 3 }, refusal);
      const { server, provider, bearer } = await withProvider(echo, {}, { tick: 50, store });
      const api = sdkAt(server.url, bearer);
      const { id } = await api.begin([line("a"), line("b"), line("c")]);
      const batch = await api.ended(id);
      expect(batch).toMatchObject({ status: "completed", request_counts: { completed: 3, failed: 0 } });
      expect(failed).toEqual(["endTask", "endTask", "endTask"]);
      expect(provider.seen).toHaveLength(3);
      const ids = (await api.linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id);
      expect(ids.sort()).toEqual(["a", "b", "c"]);
    },
  );

  it("runs a task again whose claim was stored without an answer", async () => {
    const { store, failed } = await failingStore({ claimTask: 2 });
    const { server, provider, bearer } = await withProvider(echo, {}, { tick: 50, store });
    const api = sdkAt(server.url, bearer);
    const { id } = await api.begin([line("a"), line("b"), line("c")]);
    expect(await api.ended(id)).toMatchObject({ request_counts: { completed: 3, failed: 0 } });
    expect(failed).toEqual(["claimTask", "claimTask"]);
    expect(provider.seen).toHaveLength(3);
  });

  it("keeps a streamed answer, each part once", async () => {
    const { store, failed } = await failingStore({ addTaskPart: 2, endTask: 1 });
    const { provider, call } = await withProvider(
      (_seen, connection) => {
        connection.write(streamHead);
        for (const frame of chatFrames(["one ", "two ", "three"], true)) connection.write(chunk(frame));
        connection.write(lastChunk);
      },
      {},
      { tick: 50, store },
    );
    const request = { messages: [{ role: "user", content: "hi" }], stream: true };
    const { id } = (await must(call("POST", "/api/v1/inference-tasks", { llm: "gpt", request }))).body;
    const ended = (await must(call("GET", `/api/v1/inference-tasks/${id}?wait=20s`))).body;
    expect(ended).toMatchObject({ status: "completed" });
    expect(JSON.stringify(ended)).toContain("one two three");
    expect(failed).toEqual(["addTaskPart", "addTaskPart", "endTask"]);
    expect(provider.seen).toHaveLength(1);
    const { text } = await call("GET", `/api/v1/inference-tasks/${id}/stream`);
    expect(text.match(/two /g)).toHaveLength(1);
  });

  it("stops all the same, and leaves the task to the next start", async () => {
    const { store, failed } = await failingStore({ endTask: Number.POSITIVE_INFINITY });
    const { server, bearer } = await withProvider(echo, {}, { tick: 50, store });
    const api = sdkAt(server.url, bearer);
    const { id } = await api.begin([line("a")]);
    await expect.poll(() => failed.length).toBeGreaterThan(0);
    expect((await api.openai.batches.retrieve(id)).status).toBe("in_progress");
    await server.stop();
  });
});
