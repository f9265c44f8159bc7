import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../compile.ts";
import type { Platform } from "./platforms.ts";

const folder = join(root, "packaging/runtimes");

/** Fetches Bun for all platforms from npm. `packaging/runtimes/bun.lock` has the sum of each. */
export function fetchRuntimes(): void {
  const words = [process.execPath, "install", "--frozen-lockfile", "--os=*", "--cpu=*"];
  const { exitCode, stderr } = Bun.spawnSync(words, { cwd: folder, stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`cannot fetch Bun for the other platforms: ${stderr}`);
}

/** The file of Bun for a platform. Throws if it is not there. */
export function runtimeOf({ runtime }: Platform): string {
  const bin = join(folder, "node_modules", runtime, "bin");
  const path = [join(bin, "bun"), join(bin, "bun.exe")].find((one) => existsSync(one));
  if (path === undefined) throw new Error(`${bin} has no Bun`);
  return path;
}
