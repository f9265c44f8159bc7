import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { readAll } from "../../backup/archives.ts";
import { databaseWithTables } from "../../postgres.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { goodProvider, upstream } from "../../support/upstream.ts";
import { dialects, dump, restored } from "./stores.ts";

/** Calls, writes and deletes that go on until `stop`. */
function load(server: TestServer, call: () => Promise<string>) {
  let isOver = false;
  const answered: string[] = [];
  const until = async (work: (n: number) => Promise<void>) => {
    for (let n = 0; !isOver; n++) await work(n);
  };
  const running = [
    ...[1, 2, 3, 4].map(() => until(async () => void answered.push(await call()))),
    until(async (n) => {
      await must(server.admin("POST", "/api/v1/groups", { name: `g${n}` }));
      if (n % 3 === 0) await must(server.admin("DELETE", `/api/v1/groups/g${n}`));
    }),
    until(async (n) => {
      await must(server.admin("POST", "/api/v1/secrets", { name: `s${n}`, data: { k: "v" } }));
      if (n % 2 === 0) await must(server.admin("DELETE", `/api/v1/secrets/s${n}`));
    }),
  ];
  return {
    answered,
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

/** A row as JSON with its keys in order: PostgreSQL keeps them in another one. */
function canonical(row: unknown): string {
  const inOrder = (_key: string, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(row, inOrder);
}

interface EventRow {
  action: string;
  request_id: string;
  llm: string | null;
  prompt_tokens: number | null;
  detail: { kind?: string; name?: string } | null;
}

// Failure mode 208
describe.each([
  ["SQLite", "PostgreSQL", 1],
  ["PostgreSQL", "SQLite", 0],
] as const)("a backup of %s under full load", (from, to, target) => {
  it(`is one moment of it, and the same in ${to}, row by row`, async () => {
    const store =
      from === "SQLite"
        ? await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now })
        : await openStore({ url: await databaseWithTables(), now: Date.now });
    const server = await testServer({ store });
    const { url } = upstream(goodProvider);
    const llm = { name: "gpt", type: "openai", model: "up", url };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    const { call } = await server.token("t", [{ role: "run", resource: "llms" }]);
    const body = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
    const busy = load(server, async () => {
      const { headers } = await must(call("POST", "/v1/chat/completions", body));
      return headers.get("x-request-id")!;
    });
    while (busy.answered.length < 20) await Bun.sleep(1);
    const before = [...busy.answered];
    const response = await fetch("http://localhost/api/v1/backup?audit=true", { unix: server.socketPath });
    const atBegin = busy.answered.length;
    while (busy.answered.length < atBegin + 20) await Bun.sleep(1);
    const bytes = Buffer.from(await response.bytes());
    await busy.stop();

    const { rows } = await readAll(bytes);
    const events = rows["audit_events"] as EventRow[];
    const calls = events.filter(({ action }) => action === "llm_inference_call");
    // Whatever was answered before is in it; what began afterwards is not.
    const ids = new Set(calls.map(({ request_id }) => request_id));
    expect(before.filter((id) => !ids.has(id))).toEqual([]);
    expect(ids.size).toBeLessThan(busy.answered.length);
    // Objects and their events are of the same moment.
    const names = (kind: string) =>
      (rows["resources"] as { kind: string; name: string }[])
        .filter((row) => row.kind === kind)
        .map(({ name }) => name)
        .sort();
    const left = (kind: string) => {
      const found = new Set<string>();
      for (const { action, detail } of events)
        if (detail?.kind === kind && detail.name !== undefined)
          if (action === "delete") found.delete(detail.name);
          else found.add(detail.name);
      return [...found].sort();
    };
    for (const kind of ["group", "secret"]) expect(names(kind), kind).toEqual(left(kind));

    const second = await dialects[target]![1]();
    onTestFinished(() => second.close());
    await restored(second, bytes);
    const there = await dump(second);
    for (const [table, expected] of Object.entries(rows)) {
      expect((there[table] ?? []).map(canonical).sort(), table).toEqual(expected.map(canonical).sort());
    }
    // The usage is that of the calls in the log, also where it was not summed up yet.
    const days = { since: "2000-01-01", until: "2100-01-01" };
    const usage = await second.usage(days);
    expect(usage.reduce((sum, { requests }) => sum + requests, 0)).toBe(calls.length);
    expect(usage.reduce((sum, { promptTokens }) => sum + promptTokens, 0)).toBe(
      calls.reduce((sum, row) => sum + Number(row.prompt_tokens), 0),
    );
  });
});
