import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  type ProcessIdentity,
  type ProcessTable,
  processTable,
} from "../../../src/processes/process-table.ts";
import { passes } from "../passes.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** Returns true while a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) [ZX] /.test(readFileSync(path, "utf8"));
}

/** Waits until something holds; fails after a minute. */
export function eventually(holds: () => boolean): Promise<void> {
  const check = () => {
    if (!holds()) throw new Error(`it never held: ${holds}`);
  };
  return passes(check, 5);
}

/** Returns the numbers that programs of a test have written to a file, one a line, once so many are there. */
export async function pidsIn(path: string, count: number): Promise<number[]> {
  const pids = () =>
    (existsSync(path) ? readFileSync(path, "utf8") : "").split("\n").slice(0, -1).map(Number);
  await eventually(() => pids().length >= count);
  // Those that a failed test leaves behind would go on for ever.
  for (const pid of pids()) onTestFinished(() => void (isAlive(pid) && process.kill(pid, "SIGKILL")));
  return pids();
}

/** Starts a program that does not belong to the code under test. It is gone when the test is over. */
export function stranger(env: Record<string, string> = {}): ProcessIdentity {
  const child = Bun.spawn(["sleep", "600"], {
    env: { ...env, PATH: process.env["PATH"]! },
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
  });
  onTestFinished(() => child.kill("SIGKILL"));
  // A child shows this program's environment until it has begun to run its own.
  while (!readFileSync(`/proc/${child.pid}/cmdline`, "utf8").startsWith("sleep")) Bun.sleepSync(1);
  return { pid: child.pid, start: processTable().startOf(child.pid)! };
}

/** Returns a table that shows one process, number 12 of group 5, in a state and with an environment. */
export function tableOf(state: string, environ: string): ProcessTable {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "sys/kernel/random"), { recursive: true });
  mkdirSync(join(folder, "12"));
  writeFileSync(join(folder, "sys/kernel/random/boot_id"), "b00t\n");
  const fields = [state, ..."4567890123456789".split(""), "0", "0", "777", "23"];
  writeFileSync(join(folder, "12/stat"), `12 (VLLM) Z (Core)) ${fields.join(" ")}`);
  writeFileSync(join(folder, "12/environ"), environ);
  return processTable(folder);
}
