import { Database } from "bun:sqlite";
import { readdirSync, readFileSync, readlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { migrations } from "../../drizzle/sqlite/migrations.ts";
import { version } from "../../package.json";
import { binary, cleanEnv, freshFolder, mcpctl, must, startBinary } from "../support/binary.ts";

/** Starts the program without waiting for anything; killed at the end. */
function spawned(home: string, words: readonly string[], stdin: "pipe" | "ignore" = "ignore") {
  const running = Bun.spawn([binary, ...words], {
    ...{ env: cleanEnv(home), cwd: home, stdin, stdout: "ignore", stderr: "ignore" },
  });
  onTestFinished(() => running.kill("SIGKILL"));
  return running;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // It was closed meanwhile.
    return "";
  }
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await Bun.sleep(2);
}

describe("kill -9 half way (failure mode 214)", () => {
  it("of mcpctl backup leaves no backup, and the next one removes what was left", async () => {
    const server = await startBinary();
    const home = freshFolder();
    const slow = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(new Uint8Array(100_000)),
          }),
        ),
    });
    onTestFinished(() => void slow.stop(true));
    const running = spawned(home, ["backup", "b.tar.zst", "--server", `http://127.0.0.1:${slow.port}`]);
    const parts = () => readdirSync(home).filter((name) => name.endsWith(".part"));
    await until(() => parts().length > 0);
    running.kill("SIGKILL");
    await running.exited;
    expect(readdirSync(home)).not.toContain("b.tar.zst");
    const there = `--server unix://${server.socketPath}`;
    await must(mcpctl(`backup b.tar.zst ${there}`, { home }));
    await must(mcpctl("backup verify b.tar.zst", { home }));
    const [part = ""] = parts();
    utimesSync(join(home, part), 1, 1);
    await must(mcpctl(`backup c.tar.zst ${there}`, { home }));
    expect(
      readdirSync(home)
        .filter((name) => name.includes("tar.zst"))
        .sort(),
    ).toEqual(["b.tar.zst", "c.tar.zst"]);
  });

  it("of mcpctl restore changes nothing, and the next restore goes on", async () => {
    const source = await startBinary();
    await must(source.run("create group kept"));
    await must(source.run("backup b.tar.zst"));
    const bytes = readFileSync(join(source.home, "b.tar.zst"));
    const target = await startBinary();
    const there = ["--server", `unix://${target.socketPath}`];
    const running = spawned(source.home, ["restore", "-", ...there], "pipe");
    running.stdin!.write(bytes.subarray(0, bytes.length / 2));
    await running.stdin!.flush();
    /** True while the server has a file open that it receives a backup into. It has no name. */
    const isReceiving = () => {
      const files = readdirSync(`/proc/${target.pid}/fd`).map((fd) => linkOf(`/proc/${target.pid}/fd/${fd}`));
      return files.some((path) => path.includes("/.restore-"));
    };
    await until(isReceiving);
    running.kill("SIGKILL");
    await running.exited;
    await until(() => !isReceiving());
    expect((await target.admin("GET", "/api/v1/groups")).body).toEqual([]);
    expect(readdirSync(target.dataDir).filter((name) => name.startsWith(".restore"))).toEqual([]);
    await must(mcpctl(`restore b.tar.zst ${there.join(" ")}`, { home: source.home }));
    expect((await target.admin("GET", "/api/v1/groups")).body).toMatchObject([{ name: "kept" }]);
  });
});

/** A database as a version of five migrations has left it, so large that a copy of it takes a while. */
function earlierDatabase(dataDir: string): void {
  using database = new Database(join(dataDir, "mcpctl.db"), { create: true });
  database.run(
    'create table "schema_migrations" ("name" text primary key not null, "applied_at" integer not null) strict',
  );
  for (const [i, { name, sql }] of migrations.slice(0, 5).entries()) {
    database.run(sql);
    database.run("insert into schema_migrations values (?, ?)", [name, i]);
  }
  database.run(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
     insert into audit_events (at, action, request_id, status) select i, 'old', hex(randomblob(200)), 200 from n`,
  );
}

// Failure mode 203
it("a server that is killed while it copies or migrates a database does both again, and keeps no half copy", async () => {
  const home = freshFolder();
  const first = await startBinary({ home });
  first.kill("SIGTERM");
  await first.ended;
  const files = () => readdirSync(first.dataDir);
  const copy = `mcpctl.db.before-${version}`;
  /** Each state of the folder, in the order in which a start makes them. */
  const states = [() => files().includes(`${copy}.part`), () => files().includes(copy)];
  for (const isReached of states) {
    for (const name of files())
      if (name.startsWith("mcpctl.db")) Bun.spawnSync(["rm", join(first.dataDir, name)]);
    earlierDatabase(first.dataDir);
    const running = spawned(home, ["server", "--listen", "127.0.0.1:0"]);
    while (!isReached() && running.exitCode === null) await Bun.sleep(0);
    running.kill("SIGKILL");
    await running.exited;
    const next = await startBinary({ home });
    expect(files().filter((name) => name.includes(".part"))).toEqual([]);
    expect(files().filter((name) => name.includes(".before-"))).toEqual([copy]);
    expect((await next.admin("GET", "/api/v1/audit?action=old&limit=1000")).body).toHaveLength(1000);
    next.kill("SIGTERM");
    expect(await next.ended).toBe(0);
    using saved = new Database(join(first.dataDir, copy), { readonly: true });
    expect(saved.query("select count(*) as n from schema_migrations").get()).toEqual({ n: 5 });
    expect(saved.query("select count(*) as n from audit_events").get()).toEqual({ n: 40_000 });
  }
});
