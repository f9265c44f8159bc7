import { describe, expect, it } from "vitest";
import type { Script } from "../../../support/upstream.ts";
import { confidential, events, withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

async function withSdk(script: Script = echo) {
  const { server, provider, bearer, call } = await withProvider(script, {}, { tick: 50 });
  return { server, provider, bearer, call, ...sdkAt(server.url, bearer) };
}

describe("OpenAI's SDK with files and batches", () => {
  it("gets the answers and the errors of a batch in files, with the ids of its requests", async () => {
    const { server, begin, ended, linesOf } = await withSdk();
    const fails = line("c", { messages: [{ role: "user", content: "fail 400" }] });
    const begun = await begin([line("a"), line("b"), fails]);
    expect(begun).toMatchObject({ object: "batch", status: "validating", endpoint: "/v1/chat/completions" });
    const batch = await ended(begun.id);
    expect(batch).toMatchObject({
      status: "completed",
      model: "gpt",
      errors: null,
      request_counts: { total: 3, completed: 2, failed: 1 },
    });
    const output = await linesOf(batch.output_file_id);
    expect(output).toMatchObject([
      {
        custom_id: "a",
        response: { status_code: 200, body: { choices: [{ message: { content: `${confidential} a` } }] } },
        error: null,
      },
      { custom_id: "b", response: { status_code: 200, body: { model: "up" } }, error: null },
    ]);
    expect(await linesOf(batch.error_file_id)).toMatchObject([
      { custom_id: "c", response: { status_code: 400, body: { error: { message: "no luck", code: "c" } } } },
    ]);
    const calls = await events(server);
    expect(calls).toHaveLength(3);
    expect(calls.map(({ requestId }) => requestId)).toContain(output[0].response.request_id);
    expect(JSON.stringify([calls, server.logged])).not.toContain(confidential);
  });
});

describe("a batch", () => {
  it("fails with the line of each fault of its input, and nothing is sent", async () => {
    const { provider, begin, ended } = await withSdk();
    const begun = await begin([
      line("a"),
      "{not json",
      line("a"),
      "",
      line("b", { model: "other" }),
      line("c", {}, { url: "/v1/embeddings" }),
      line("d", {}, { method: "GET" }),
      line("e", { messages: [] }),
      line("f", { stream: true }),
      { ...line("g"), custom_id: 7 },
      "[]",
    ]);
    const { status, errors, output_file_id, request_counts } = await ended(begun.id);
    expect({ status, output_file_id, request_counts }).toEqual({
      status: "failed",
      output_file_id: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
    });
    expect(errors?.data?.map(({ line: number, code, param }) => [number, code, param])).toEqual([
      [2, "invalid_json_line", null],
      [3, "duplicate_custom_id", "custom_id"],
      [5, "mismatched_model", "body.model"],
      [6, "mismatched_endpoint", "url"],
      [7, "invalid_method", "method"],
      [8, "invalid_request", "body"],
      [9, "invalid_request", "body.stream"],
      [10, "missing_required_parameter", "custom_id"],
      [11, "invalid_json_line", null],
    ]);
    const unknown = await ended((await begin([line("a", { model: "none" })])).id);
    expect(unknown.errors?.data).toMatchObject([{ code: "model_not_found", line: null }]);
    const empty = await ended((await begin(["\n \n"])).id);
    expect(empty.errors?.data).toMatchObject([{ code: "empty_file" }]);
    expect(provider.seen).toEqual([]);
  });

  it("belongs to who made it: for others there is none, and administrators see no contents (T231)", async () => {
    const { server, begin, ended, openai } = await withSdk();
    const { id } = await begin([line("a")]);
    const { output_file_id: output, input_file_id: input } = await ended(id);
    const run = [{ role: "run", resource: "llms" }];
    const [user, token, viewer] = [
      await server.user("eve", run),
      await server.token("t2", run),
      await server.token("nothing", [{ role: "view", resource: "llms" }]),
    ];
    for (const { call } of [user, token]) {
      for (const path of [`files/${output}`, `files/${input}/content`, `batches/${id}`]) {
        expect((await call("GET", `/v1/${path}`)).status, path).toBe(404);
      }
      expect((await call("DELETE", `/v1/files/${input}`)).status).toBe(404);
      expect((await call("POST", `/v1/batches/${id}/cancel`)).status).toBe(404);
      const made = { input_file_id: input, endpoint: "/v1/chat/completions", completion_window: "24h" };
      expect((await call("POST", "/v1/batches", made)).status).toBe(404);
      for (const path of ["files", "batches"])
        expect((await call("GET", `/v1/${path}`)).body.data).toEqual([]);
    }
    expect((await viewer.call("GET", `/v1/batches/${id}`)).status).toBe(403);
    // The token is one of the administrator, who sees what it made; another administrator sees the facts.
    expect((await server.admin("GET", `/v1/files/${output}`)).status).toBe(200);
    const boss = await server.user("boss", [
      { role: "edit", resource: "*" },
      { role: "run", resource: "*" },
    ]);
    expect((await boss.call("GET", `/v1/files/${output}/content`)).status).toBe(404);
    expect((await boss.call("GET", `/v1/batches/${id}`)).body).toMatchObject({
      status: "completed",
      request_counts: { total: 1, completed: 1 },
      input_file_id: null,
      output_file_id: null,
      metadata: null,
    });
    expect(await openai.files.delete(output!)).toMatchObject({ deleted: true });
    await expect(openai.files.content(output!)).rejects.toMatchObject({ status: 404 });
  });

  it("has the rights that its maker has when a request runs (T229)", async () => {
    const held = Promise.withResolvers<void>();
    const { server, provider, begin } = await withSdk(async (seen, connection) => {
      await held.promise;
      echo(seen, connection);
    });
    const { id } = await begin(Array.from({ length: 20 }, (_, i) => line(`r${i}`)));
    await expect.poll(() => provider.seen.length).toBe(4);
    await server.admin("DELETE", "/api/v1/tokens/t");
    held.resolve();
    const batch = async () => (await server.admin("GET", `/v1/batches/${id}`)).body;
    await expect.poll(async () => (await batch()).status).toBe("completed");
    const { output_file_id: output, error_file_id: errors, request_counts: counts } = await batch();
    expect(counts.failed).toBeGreaterThanOrEqual(16);
    expect(provider.seen).toHaveLength(4);
    expect((await server.admin("GET", `/v1/files/${errors}/content`)).text).toContain('"status_code":401');
    expect(output === null || typeof output === "string").toBe(true);
  });

  it("is cancelled: what waits is not sent, what runs is ended, and what was answered stays", async () => {
    let asked = 0;
    const { provider, begin, ended, openai, linesOf } = await withSdk((seen, connection) => {
      if (++asked <= 2) echo(seen, connection);
    });
    const { id } = await begin(Array.from({ length: 30 }, (_, i) => line(`r${i}`)));
    await expect.poll(() => provider.seen.length).toBe(6);
    expect((await openai.batches.cancel(id)).status).toBe("cancelling");
    const batch = await ended(id);
    expect(batch).toMatchObject({
      status: "cancelled",
      request_counts: { total: 30, completed: 2, failed: 0 },
    });
    expect(batch.cancelled_at).toBeGreaterThanOrEqual(batch.cancelling_at!);
    const unsent = await linesOf(batch.error_file_id);
    expect(unsent).toHaveLength(28);
    expect(unsent[0]).toMatchObject({ response: null, error: { code: "batch_cancelled" } });
    expect(await linesOf(batch.output_file_id)).toHaveLength(2);
    expect(provider.seen).toHaveLength(6);
    // A second time changes nothing.
    expect((await openai.batches.cancel(id)).status).toBe("cancelled");
  });

  it("expires with what was answered when its window ends", async () => {
    let now = Date.now();
    const { server, provider, bearer } = await withProvider(
      (seen, connection) => (/ r0"/.test(seen.text) ? echo(seen, connection) : undefined),
      {},
      { tick: 50, now: () => now, elapsed: () => now },
    );
    const api = sdkAt(server.url, bearer);
    const { id } = await api.begin([line("r0"), line("r1")]);
    await expect.poll(() => provider.seen.length).toBe(2);
    await expect.poll(async () => (await api.openai.batches.retrieve(id)).request_counts?.completed).toBe(1);
    now += 24 * 60 * 60_000;
    const batch = await api.ended(id);
    expect(batch).toMatchObject({ status: "expired", request_counts: { total: 2, completed: 1, failed: 0 } });
    expect(await api.linesOf(batch.error_file_id)).toMatchObject([
      { custom_id: "r1", response: null, error: { code: "batch_expired" } },
    ]);
    now += 31 * 24 * 60 * 60_000;
    await expect(api.openai.files.content(batch.error_file_id!)).rejects.toMatchObject({ status: 404 });
  });

  it("is neither expired nor deleted by a clock that was set to another year (failure mode 252)", async () => {
    let jump = 0;
    const release = Promise.withResolvers<void>();
    const { server, provider, bearer } = await withProvider(
      async (seen, connection) => {
        if (/ r1"/.test(seen.text)) await release.promise;
        echo(seen, connection);
      },
      {},
      { tick: 20, now: () => Date.now() + jump },
    );
    const api = sdkAt(server.url, bearer);
    const { id } = await api.begin([line("r0"), line("r1")]);
    await expect.poll(() => provider.seen.length).toBe(2);
    await expect.poll(async () => (await api.openai.batches.retrieve(id)).request_counts?.completed).toBe(1);
    jump = 365 * 24 * 60 * 60_000;
    const { bearer: later } = await server.token("later", [{ role: "run", resource: "llms" }]);
    expect((await server.as(later)("GET", "/v1/models")).status).toBe(200);
    // Several looks of the timers at the new time.
    await Bun.sleep(200);
    expect((await api.openai.batches.retrieve(id)).status).toBe("in_progress");
    jump = 0;
    release.resolve();
    const batch = await api.ended(id);
    expect(batch).toMatchObject({ status: "completed", request_counts: { completed: 2, failed: 0 } });
    expect((await api.linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id)).toEqual(["r0", "r1"]);
  });
});
