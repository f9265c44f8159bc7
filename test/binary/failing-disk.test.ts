import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { freshFolder, send, startBinary } from "../support/binary.ts";
import { diskPath, fillUp, refusalOf, serverOnDisk } from "../support/disk.ts";

/**
 * Mounts an image with ext4 on the home. The image is in memory and has holes, so that the disk can be made to fail.
 *
 * @param options of the mount: with `sync` a write fails at once, otherwise later, when the kernel writes it
 * @param room megabytes of the medium, which is full when they are fewer than the 64 of the image
 */
const mount = (options: string, room: number) => `set -e
  mount -t tmpfs -o size=${room}m none /mnt
  truncate -s 64M /mnt/image
  mkfs.ext4 -q -O ^has_journal -E nodiscard /mnt/image
  mount -o loop,${options} /mnt/image "$HOME"
  findmnt -no SOURCE "$HOME" > /mnt/device`;

/** A server on such a disk. */
async function serverOnFailingDisk(options = "errors=remount-ro", room = 24) {
  const disk = await serverOnDisk({ mount: mount(options, room) });
  const { server, home, inside } = disk;
  const device = readFileSync(inside("/mnt/device"), "utf8").trim();
  return {
    ...disk,
    /** Lets the file system find an error in itself, upon which the kernel makes it read-only. */
    makeReadOnly: () => writeFileSync(`/sys/fs/ext4/${device.replace("/dev/", "")}/trigger_fs_error`, "1"),
    /** Takes the room that the medium has left. What is written to the disk from then on fails. */
    breakMedium: () => fillUp(inside("/mnt/ballast")),
    mendMedium: () => rmSync(inside("/mnt/ballast")),
    /** Cuts the device off behind its first block, so that it reports errors. Returns what makes it whole again. */
    cutOff() {
      const image = inside("/mnt/image");
      const whole = readFileSync(image);
      const resize = () => execFileSync("losetup", ["-c", device], { env: { PATH: diskPath } });
      truncateSync(image, 4096);
      resize();
      return () => {
        writeFileSync(image, whole);
        resize();
      };
    },
    /** Kills the server, and starts another one on what is on its disk. Returns the names of its groups. */
    async groupsAfterCrash(): Promise<string[]> {
      const copy = freshFolder();
      cpSync(join(inside(home), ".mcpctl"), join(copy, ".mcpctl"), {
        recursive: true,
        filter: (path) => !/\.(sock|disk-probe\d*)$/.test(path),
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

const refusal = refusalOf({ mount: mount("errors=remount-ro", 24) });

describe("a server whose disk fails", () => {
  beforeEach(({ skip }) =>
    skip(refusal !== undefined, `this machine mounts no disk of one's own: ${refusal}`),
  );

  // Failure mode 175
  it("refuses writes while the disk is read-only, says so, answers reads, and has kept what it acknowledged", async () => {
    const { server, admin, makeReadOnly, unready, groupsAfterCrash } = await serverOnFailingDisk();
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
    const { server, admin, breakMedium, mendMedium, unready, groupsAfterCrash } = await serverOnFailingDisk();
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
    // The kernel may have dropped what it could not write, as the server says: the rest is whole, and in its order.
    const kept = await groupsAfterCrash();
    expect(kept).toEqual([...done, "later"].slice(0, kept.length));
  });

  // Failure mode 195
  it("refuses writes while the disk reports errors, answers reads, and recovers", async () => {
    const { server, admin, cutOff, unready, ready, groupsAfterCrash } = await serverOnFailingDisk(
      "sync,errors=continue",
      80,
    );
    expect((await admin("POST", "/api/v1/groups", { name: "before" })).status).toBe(201);
    const mend = cutOff();
    const refused = await admin("POST", "/api/v1/groups", { name: "refused" });

    const reason = "the disk of the database reports errors: nothing was written";
    expect(refused).toMatchObject({ status: 503, body: { code: "unavailable", error: reason } });
    const shown = (await admin("GET", "/api/v1/groups")).body;
    expect(shown.map(({ name }: { name: string }) => name)).toEqual(["before"]);
    expect(await unready()).toBe(`${reason}\n`);
    expect((await admin("POST", "/api/v1/groups", { name: "refused" })).status).toBe(503);
    expect((await server.call("GET", "/healthz")).status).toBe(200);
    mend();
    await ready();
    expect((await admin("POST", "/api/v1/groups", { name: "later" })).status).toBe(201);
    expect(await groupsAfterCrash()).toEqual(["before", "later"]);
  });
});
