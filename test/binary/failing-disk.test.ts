import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { freshFolder, send, startBinary } from "../support/binary.ts";

/**
 * Mounts an image with ext4 on the home. The image is in memory, has holes, and its `$MEDIUM` has room for a part of it,
 * so that the disk can be made to fail.
 */
const mounts = `set -e
  mount -t tmpfs -o size=24m none /mnt
  truncate -s 64M /mnt/image
  mkfs.ext4 -q -O ^has_journal -E nodiscard /mnt/image
  mount -o loop,errors=remount-ro /mnt/image "$HOME"
  findmnt -no SOURCE "$HOME" > /mnt/device
  exec "$@"`;

const probe = Bun.spawnSync(["unshare", "-m", "sh", "-c", mounts, "sh", "true"], {
  env: { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, HOME: "/media" },
});

/** A server whose home is a disk of its own, seen from outside of its mounts. */
async function serverOnDisk() {
  const home = freshFolder();
  const server = await startBinary({ home, cwd: "/", before: ["unshare", "-m", "sh", "-c", mounts, "sh"] });
  const inside = (path: string) => `/proc/${server.pid}/root${path}`;
  const device = readFileSync(inside("/mnt/device"), "utf8").trim();
  const admin = (method: string, path: string, body?: unknown) =>
    send("http://localhost", inside(server.socketPath), method, path, { body });
  return {
    server,
    admin,
    /** Lets the file system find an error in itself, upon which the kernel makes it read-only. */
    makeReadOnly: () => writeFileSync(`/sys/fs/ext4/${device.replace("/dev/", "")}/trigger_fs_error`, "1"),
    /** Takes the room that the medium has left. What is written to the disk from then on fails. */
    breakMedium() {
      try {
        for (;;) writeFileSync(inside("/mnt/ballast"), Buffer.alloc(65_536), { flag: "a" });
      } catch {}
    },
    mendMedium: () => rmSync(inside("/mnt/ballast")),
    /** Resolves with the reasons for which the server is not ready. */
    unready: () =>
      vi.waitFor(
        async () => {
          const { status, text } = await server.call("GET", "/readyz");
          expect(status).toBe(503);
          return text;
        },
        { timeout: 20_000, interval: 100 },
      ),
    /** Kills the server, and starts another one on what is on its disk. Returns the names of its groups. */
    async groupsAfterCrash(): Promise<string[]> {
      const copy = freshFolder();
      cpSync(join(inside(home), ".mcpctl"), join(copy, ".mcpctl"), {
        recursive: true,
        filter: (path) => !path.endsWith(".sock"),
      });
      server.kill("SIGKILL");
      await server.ended;
      const second = await startBinary({ home: copy, cwd: "/" });
      const { body } = await send("http://localhost", second.socketPath, "GET", "/api/v1/groups", {});
      second.kill("SIGTERM");
      await second.ended;
      return body.map(({ name }: { name: string }) => name);
    },
  };
}

describe.runIf(probe.success)("a server whose disk fails", () => {
  // Failure mode 175
  it("refuses writes while the disk is read-only, says so, answers reads, and has kept what it acknowledged", async () => {
    const { server, admin, makeReadOnly, unready, groupsAfterCrash } = await serverOnDisk();
    expect((await admin("POST", "/api/v1/groups", { name: "before" })).status).toBe(201);
    makeReadOnly();
    const reason = "the disk of the database is read-only: nothing was written";
    for (const name of ["after-1", "after-2"])
      expect(await admin("POST", "/api/v1/groups", { name })).toMatchObject({
        status: 503,
        body: { code: "unavailable", error: reason },
      });
    expect((await admin("DELETE", "/api/v1/groups/before")).status).toBe(503);
    expect(await unready()).toBe(`${reason}\n`);
    expect((await server.call("GET", "/healthz")).status).toBe(200);
    const shown = (await admin("GET", "/api/v1/groups")).body;
    expect(shown.map(({ name }: { name: string }) => name)).toEqual(["before"]);
    expect(server.said.stderr).toContain(`/.mcpctl/server/mcpctl.db: ${reason}`);
    expect(await groupsAfterCrash()).toEqual(["before"]);
  });

  // Failure mode 176
  it("is not ready until it is restarted when the disk has not kept what it took", async () => {
    const { server, admin, breakMedium, mendMedium, unready, groupsAfterCrash } = await serverOnDisk();
    breakMedium();
    const done: string[] = [];
    // As many as make a checkpoint worth its cost.
    for (let n = 0; n < 260; n++) {
      const name = `group-${String(n).padStart(3, "0")}`;
      if ((await admin("POST", "/api/v1/groups", { name })).status === 201) done.push(name);
    }
    expect(await unready()).toMatch(
      /^the disk of the database has failed, and what was written last may be lost/,
    );
    mendMedium();
    // The kernel tells a failed write once. That later ones succeed does not bring it back.
    expect((await admin("POST", "/api/v1/groups", { name: "later" })).status).toBe(201);
    expect((await server.call("GET", "/readyz")).status).toBe(503);
    expect(await groupsAfterCrash()).toEqual([...done, "later"]);
  });
});
