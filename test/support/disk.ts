import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { freshFolder, send, startBinary } from "./binary.ts";
import { passes } from "./passes.ts";

/** The folders of the programs for disks. */
export const diskPath = `${process.env["PATH"]}:/usr/sbin:/sbin`;

/** A disk of one server's own: commands of sh that mount it on `$HOME`, with `/mnt` as a place for more. */
export interface Disk {
  mount: string;
  /** A file that the commands need, at `$HOME.image`. */
  image?: Uint8Array;
}

/** Returns the reason for which this machine does not give a disk of one's own; undefined if it does. */
export function refusalOf({ mount, image }: Disk): string | undefined {
  const home = mkdtempSync(join(tmpdir(), "mcp-"));
  if (image) writeFileSync(`${home}.image`, image);
  const { success, stderr } = Bun.spawnSync(["unshare", "-m", "sh", "-c", mount], { env: environment(home) });
  for (const path of [home, `${home}.image`]) rmSync(path, { recursive: true, force: true });
  return success ? undefined : stderr.toString().trim() || "unshare -m is not permitted";
}

/** A server whose home is a disk of its own, seen from outside of its mounts. */
export async function serverOnDisk({ mount, image }: Disk) {
  const home = freshFolder();
  if (image) {
    writeFileSync(`${home}.image`, image);
    onTestFinished(() => rmSync(`${home}.image`, { force: true }));
  }
  const before = ["env", `PATH=${diskPath}`, "unshare", "-m", "sh", "-c", `${mount}\nexec "$@"`, "sh"];
  const server = await startBinary({ home, cwd: "/", before });
  const inside = (path: string) => `/proc/${server.pid}/root${path}`;
  return {
    server,
    home,
    inside,
    admin: (method: string, path: string, body?: unknown) =>
      send("http://localhost", inside(server.socketPath), method, path, { body }),
    /** Resolves with the reasons for which the server is not ready. */
    unready: () =>
      passes(async () => {
        const { status, text } = await server.call("GET", "/readyz");
        expect(status).toBe(503);
        return text;
      }, 100),
    ready: () => passes(async () => expect((await server.call("GET", "/readyz")).status).toBe(200), 100),
  };
}

/** Writes a file until the disk takes no more. Returns the code of the system. */
export function fillUp(path: string): string {
  let code = "";
  for (let size = 65_536; size > 0; size >>= 4) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
    } catch (error) {
      code = (error as { code: string }).code;
    }
  }
  return code;
}

/** The image of a disk from the fixtures. */
export const diskImage = (name: string) =>
  Bun.zstdDecompressSync(readFileSync(new URL(`../fixtures/disks/${name}.zst`, import.meta.url)));

function environment(home: string): { PATH: string; HOME: string } {
  return { PATH: diskPath, HOME: home };
}
