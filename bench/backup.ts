import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Measures the memory and the time of a backup and a restore of a large audit log, with the compiled binary.
 *
 * usage: bun bench/backup.ts [MB of the audit log; 1000 if left out]
 */

const megabytes = Number(process.argv[2] ?? 1000);
const binary = join(import.meta.dirname, "../dist/mcpctl");
const root = mkdtempSync(join(process.env["BENCH_FOLDER"] ?? tmpdir(), "mcpctl-bench-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));

interface Started {
  pid: number;
  socket: string;
  database: string;
  stop(): Promise<void>;
}

async function start(name: string): Promise<Started> {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const running = Bun.spawn([binary, "server", "--listen", "127.0.0.1:0", "--data-dir", folder], {
    env: { PATH: process.env["PATH"]!, HOME: folder },
    stdout: "ignore",
    stderr: "pipe",
  });
  const listening = Promise.withResolvers<void>();
  void (async () => {
    for await (const text of running.stderr.pipeThrough(new TextDecoderStream()))
      if (text.includes("listens on")) listening.resolve();
  })();
  await listening.promise;
  return {
    pid: running.pid,
    socket: join(folder, "mcpctl.sock"),
    database: join(folder, "mcpctl.db"),
    async stop() {
      running.kill();
      await running.exited;
    },
  };
}

/** Adds calls to the audit log until it has so many megabytes as JSON lines. */
function fill(path: string, mb: number): number {
  const database = new Database(path);
  database.run("pragma synchronous = 0");
  const rows = Math.ceil((mb * 1024 * 1024) / 390);
  const insert = database.prepare(`
    with recursive n(i) as (select ?1 union all select i + 1 from n where i + 1 < ?2)
    insert into audit_events (at, action, request_id, user_id, token_id, status, llm, pool_member, model, type, dialect,
      streaming, duration_ms, ttft_ms, prompt_tokens, completion_tokens, cached_tokens, cost_micros, detail)
    select 1764400000000 + i, 'llm_inference_call', 'req_' || hex(randomblob(8)), 'usr_01k' || (i % 40), 'tok_' || (i % 90),
      200, 'gpt', 'gpt', 'gpt-5', 'openai', 'chat', i % 2, abs(random() % 90000), abs(random() % 9000),
      abs(random() % 90000), abs(random() % 9000), 0, abs(random() % 900000), '{"attempts":1}' from n`);
  for (let at = 0; at < rows; at += 100_000) insert.run(at, Math.min(rows, at + 100_000));
  database.run("update usage_through set row = (select max(id) from audit_events)");
  database.close();
  return rows;
}

/** Forgets the most memory that a process has had. Returns what it has now, in MB. */
function fromNowOn(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  return memory(pid, "VmRSS");
}

/** Returns the memory of a process in MB, now or at most. */
function memory(pid: number, which: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(new RegExp(`${which}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
}

/** Runs a command line. Returns its seconds and the most memory that it had. */
async function run(server: Started, ...words: string[]): Promise<string> {
  const began = performance.now();
  const running = Bun.spawn([binary, ...words, "--server", `unix://${server.socket}`], {
    env: { PATH: process.env["PATH"]!, HOME: root },
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await running.exited) !== 0) throw new Error(`mcpctl ${words.join(" ")} failed`);
  const most = Math.round(Number(running.resourceUsage()?.maxRSS) / 1024 / 1024);
  return `${((performance.now() - began) / 1000).toFixed(1)} s, command at most ${most} MB`;
}

const first = await start("first");
await first.stop();
const rows = fill(first.database, megabytes);
console.log(`${rows} events, database ${Math.round(statSync(first.database).size / 1e6)} MB`);
const source = await start("first");
const idle = fromNowOn(source.pid);
console.log(
  `backup:  ${await run(source, "backup", "b.tar.zst")}, server ${idle} MB before, ${memory(source.pid, "VmHWM")} MB at most`,
);
await source.stop();
console.log(`file:    ${Math.round(statSync(join(root, "b.tar.zst")).size / 1e6)} MB`);
const target = await start("second");
console.log(`verify:  ${await run(target, "backup", "verify", "b.tar.zst")}`);
const fresh = fromNowOn(target.pid);
console.log(
  `restore: ${await run(target, "restore", "b.tar.zst")}, server ${fresh} MB before, ${memory(target.pid, "VmHWM")} MB at most`,
);
await target.stop();
