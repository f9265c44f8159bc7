import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readAll } from "../backup/archives.ts";
import { freshDatabase } from "../postgres.ts";
import { type BinaryServer, freshFolder, mcpctl, must, startBinary } from "../support/binary.ts";

const value = "MARKED-VALUE-4d1e";

/** Adds events to the audit log of a server that does not run. */
function addEvents(dataDir: string, count: number): void {
  const database = new Database(join(dataDir, "mcpctl.db"));
  database.run(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
     insert into audit_events (at, action, request_id, status, detail) select i, 'old', hex(randomblob(200)), 200, '{}' from n`,
  );
  database.close();
}

/** Restores a backup, and kills the server with -9 at the first line of progress that tells of a phase. */
async function killedAt(phase: string, file: Uint8Array, server: BinaryServer): Promise<void> {
  const response = await fetch("http://localhost/api/v1/restore", {
    method: "POST",
    unix: server.socketPath,
    headers: { "content-type": "application/zstd", accept: "application/x-ndjson" },
    body: Uint8Array.from(file),
  });
  let text = "";
  try {
    for await (const piece of response.body!) {
      text += Buffer.from(piece).toString();
      if (!text.includes(`"${phase}"`)) continue;
      server.kill("SIGKILL");
      break;
    }
  } catch {
    // The connection ends with the server.
  }
  expect(text).toContain(`"${phase}"`);
  expect(await server.ended).toBe("SIGKILL");
}

describe("mcpctl backup and restore", () => {
  it("move a server that is at work to PostgreSQL and back, and lose nothing", async () => {
    const home = freshFolder();
    const first = await startBinary({ home });
    await must(first.run("create secret openai --data k=-", { input: value }));
    await must(
      first.run("create llm gpt --type ollama --model m --url http://127.0.0.1:9 --skip-auth-check"),
    );
    const { token: bearer } = JSON.parse(
      await must(first.run("create token laptop --bind role:view,resource:llms -o json")),
    );
    // Writes go on all the time.
    let isOver = false;
    let written = 0;
    const writing = (async () => {
      while (!isOver) {
        const { status } = await first.admin("POST", "/api/v1/groups", { name: `g${written}` });
        expect(status).toBe(201);
        written++;
      }
    })();
    const saved = await first.run("backup one.tar.zst -o json");
    expect(saved.code).toBe(0);
    isOver = true;
    await writing;
    const { rows } = await readAll(readFileSync(join(home, "one.tar.zst")));
    const groups = (rows["resources"] as { kind: string; name: string }[]).filter(
      ({ kind }) => kind === "group",
    );
    // The groups of one moment: the first ones, without a gap, each with its event.
    expect(groups.map(({ name }) => name).sort()).toEqual(groups.map((_, i) => `g${i}`).sort());
    const events = (rows["audit_events"] as { detail: { kind?: string } | null }[]).filter(
      ({ detail }) => detail?.kind === "group",
    );
    expect(events.length).toBe(groups.length);

    const second = await startBinary({ env: { MCPCTL_DATABASE_URL: await freshDatabase() } });
    const there = (line: string) => mcpctl(`${line} --server unix://${second.socketPath}`, { home });
    await must(there("restore one.tar.zst"));
    expect((await second.call("GET", "/api/v1/llms", { bearer })).body).toMatchObject([
      { name: "gpt", version: 1 },
    ]);
    await must(there("backup two.tar.zst"));
    const third = await startBinary();
    await must(mcpctl(`restore two.tar.zst --server unix://${third.socketPath}`, { home }));
    // The last use of a token is stored once a minute.
    const shown = async (server: BinaryServer) =>
      (await server.admin("GET", "/api/v1/llms")).text +
      (await server.admin("GET", "/api/v1/tokens")).text.replace(/"lastUsedAt":[^,]*,/, "");
    expect(await shown(third)).toBe(await shown(second));
    const before = await readAll(readFileSync(join(home, "one.tar.zst")));
    const after = await readAll(readFileSync(join(home, "two.tar.zst")));
    const byId = (list: unknown[] | undefined) =>
      new Map(list?.map((row) => [(row as { id: string }).id, row]));
    expect(byId(after.rows["resources"])).toEqual(byId(before.rows["resources"]));
  });

  it("leave the old state or the new one, wherever a server is killed (failure mode 205)", async () => {
    const source = await startBinary();
    source.kill("SIGTERM");
    await source.ended;
    addEvents(source.dataDir, 10_000);
    const full = await startBinary({ home: source.home });
    await must(full.run("create llm gpt --type ollama --model m --url http://127.0.0.1:9 --skip-auth-check"));
    await must(full.run("backup b.tar.zst"));
    const file = readFileSync(join(full.home, "b.tar.zst"));
    let server = await startBinary();
    for (const phase of ["receiving", "restoring"]) {
      await killedAt(phase, file, server);
      server = await startBinary({ home: server.home });
      const { body: llms } = await server.admin("GET", "/api/v1/llms");
      const { body: events } = await server.admin("GET", "/api/v1/audit?action=old&limit=1000");
      // A quick server has committed the whole before the signal reaches it.
      expect([0, 1], phase).toContain(llms.length);
      expect(events.length, phase).toBe(llms.length * 1000);
      expect(
        readdirSync(server.dataDir).filter((name) => name.startsWith(".restore")),
        phase,
      ).toEqual([]);
      if (llms.length === 1) return;
    }
    await killedAt("restored", file, server);
    server = await startBinary({ home: server.home });
    expect((await server.admin("GET", "/api/v1/llms")).body).toMatchObject([{ name: "gpt" }]);
    expect((await server.admin("GET", "/api/v1/audit?action=old&limit=1000")).body.length).toBe(1000);
  });

  it("leave no half file when a server is killed while it makes a backup by itself (failure mode 203)", async () => {
    const source = await startBinary();
    source.kill("SIGTERM");
    await source.ended;
    addEvents(source.dataDir, 10_000);
    const folder = join(source.home, "backups");
    const args = ["--backup-dir", folder];
    const server = await startBinary({ home: source.home, args });
    while (readdirSync(folder).length === 0) await Bun.sleep(1);
    server.kill("SIGKILL");
    await server.ended;
    const next = await startBinary({ home: source.home, args });
    await next.logs(/backup written and checked: mcpctl-backup-\S+/);
    const files = readdirSync(folder);
    expect(files.filter((name) => !/^mcpctl-backup-[\dTZ]+\.tar\.zst$/.test(name))).toEqual([]);
    for (const name of files) await must(mcpctl(`backup verify ${join(folder, name)}`));
    expect((await next.run("status")).stdout).toMatch(/^Backups: +\S+ ago, mcpctl-backup-\S+; next in /m);
  });
});

/** A mount of one's own, and gone with the process, is something that Linux gives to anybody, unless forbidden. */
const mountable = Bun.spawnSync(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).success;

it.runIf(mountable)("a full disk ends a backup, and no half file is left (failure mode 204)", async () => {
  const server = await startBinary();
  server.kill("SIGTERM");
  await server.ended;
  addEvents(server.dataDir, 5000);
  const running = await startBinary({ home: server.home });
  const small = join(running.home, "small");
  mkdirSync(small);
  const script = `mount -t tmpfs -o size=200k none ${small} && "$@"; code=$?; ls -A ${small}; exit $code`;
  const outcome = await mcpctl(`backup ${small}/b.tar.zst --server unix://${running.socketPath}`, {
    before: ["unshare", "-rm", "sh", "-c", script, "sh"],
  });
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toMatch(
    /cannot write \S+\/b\.tar\.zst: no space left on the device|the disk is full/,
  );
  expect(outcome.stdout).toBe("");
  expect(existsSync(join(small, "b.tar.zst"))).toBe(false);
});
