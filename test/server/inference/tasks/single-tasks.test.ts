import { expect, it } from "vitest";
import { cli as run } from "../../../support/cli/run-cli.ts";
import { must } from "../../../support/server.ts";
import { events, withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

it("a task is a call that waits: it is made once for a key, ends with the answer, and is cancelled", async () => {
  const { server, provider, call, bearer } = await withProvider(
    (seen, connection) => (seen.text.includes("never") ? undefined : echo(seen, connection)),
    {},
    { tick: 50 },
  );
  const request = (content: string) => ({ messages: [{ role: "user", content }], seed: 7 });
  const make = (body: object) => call("POST", "/api/v1/inference-tasks", body);
  const once = { llm: "gpt", request: request("hello"), idempotencyKey: "k" };
  const [first, second] = [(await must(make(once))).body, (await must(make(once))).body];
  expect(first).toMatchObject({ type: "task", llm: "gpt", dialect: "chat" });
  expect(second.id).toBe(first.id);
  expect(await make({ ...once, request: request("bye") })).toMatchObject({
    status: 409,
    body: { error: expect.stringContaining(`belongs to task ${first.id}, which has another request`) },
  });
  const done = (await must(call("GET", `/api/v1/inference-tasks/${first.id}?wait=20s`))).body;
  expect(done).toMatchObject({
    status: "completed",
    httpStatus: 200,
    attempts: 1,
    answer: { choices: [{ message: { content: "hello" } }] },
  });
  expect((await events(server))[0].requestId).toBe(done.requestId);
  expect(provider.seen).toHaveLength(1);

  const failed = (await must(make({ llm: "gpt", request: request("fail 400") }))).body;
  expect((await must(call("GET", `/api/v1/inference-tasks/${failed.id}?wait=20`))).body).toMatchObject({
    status: "failed",
    httpStatus: 400,
    answer: { error: { message: "no luck" } },
  });

  const hangs = (await must(make({ llm: "gpt", request: request("never") }))).body;
  await expect.poll(() => provider.seen.length).toBe(3);
  const later = new Date(Date.now() + 60_000).toISOString();
  const waits = (await must(make({ llm: "gpt", request: request("later"), notBefore: later }))).body;
  for (const { id } of [hangs, waits])
    expect((await must(call("DELETE", `/api/v1/inference-tasks/${id}`))).body).toMatchObject({
      status: "cancelled",
    });
  expect((await must(call("DELETE", `/api/v1/inference-tasks/${first.id}`))).body.status).toBe("completed");

  const batch = await sdkAt(server.url, bearer).begin([line("a"), line("b")]);
  await sdkAt(server.url, bearer).ended(batch.id);
  const other = await server.user("eve", [{ role: "run", resource: "llms" }]);
  expect((await other.call("GET", `/api/v1/inference-tasks/${first.id}`)).status).toBe(404);
  expect((await other.call("DELETE", `/api/v1/inference-tasks/${hangs.id}`)).status).toBe(404);
  expect((await other.call("GET", "/api/v1/inference-tasks")).body).toEqual([]);
  const boss = await server.user("boss", [
    { role: "edit", resource: "*" },
    { role: "run", resource: "*" },
  ]);
  const seen = (await must(boss.call("GET", `/api/v1/inference-tasks/${first.id}`))).body;
  expect(seen).toMatchObject({ status: "completed", user: "admin" });
  expect(seen).not.toHaveProperty("answer");
  expect((await must(boss.call("GET", "/api/v1/inference-tasks"))).body).toHaveLength(5);

  const { code, stdout } = await run("get tasks", { server: { url: `unix://${server.socketPath}` } });
  const rows = stdout.split("\n").map((row) => row.split(/ {2,}/));
  expect(code).toBe(0);
  expect(rows[0]).toEqual(["ID", "TYPE", "LLM", "STATUS", "DONE", "FAILED", "USER", "AGE"]);
  expect(rows.slice(1, 3)).toEqual([
    [batch.id, "batch", "gpt", "completed", "2/2", "0", "admin", expect.any(String)],
    [waits.id, "task", "gpt", "cancelled", "0/1", "0", "admin", expect.any(String)],
  ]);

  const before = provider.seen.length;
  for (const [body, words] of [
    [{ llm: "none", request: request("x") }, "no model"],
    [{ llm: "gpt" }, "request"],
    [{ llm: "gpt", request: { messages: [] } }, "messages"],
    [{ llm: "gpt", request: { ...request("x"), background: true } }, "background is not possible in a task"],
    [{ llm: "gpt", request: { ...request("x"), model: "other" } }, "request.model"],
    [{ llm: "gpt", request: request("x"), deadline: "2020-01-01T00:00:00Z" }, "deadline"],
    [{ llm: "gpt", request: request("x"), more: 1 }, "more"],
  ] as const) {
    const { status, body: error } = await make(body);
    expect(status).toBeOneOf([400, 404]);
    expect(error.error).toContain(words);
  }
  expect(provider.seen).toHaveLength(before);
});
