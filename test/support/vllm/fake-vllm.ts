import { chmodSync, existsSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ManagedConfig, ProviderConfig } from "../../../src/agent/core/config.ts";
import type { ManagedVllmDeps } from "../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { systemTime } from "../../../src/time.ts";
import { memoryLog } from "../agent/memory-log.ts";
import { isAlive } from "../processes/processes.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** The behaviour of a fake vLLM. Milliseconds. */
export interface Behaviour {
  /** Between two lines of its start. */
  stepMs?: number;
  /** It ends after it has printed this line. */
  endsAt?: { line: string; says: string; code?: number };
  /** It hangs after it has printed this line. */
  hangsAt?: string;
  /** The first status of a request for one token. */
  firstStatus?: number;
  /** The name that it lists as its model. */
  serves?: string;
  prefillMs?: number;
  outOfMemory?: "mid-generation";
  engineDead?: boolean;
  ignoresTerm?: boolean;
  /** True if its engine leaves its process group. */
  engineLeavesGroup?: boolean;
  sleepHangs?: boolean;
  sleepFails?: boolean;
  wakeFails?: boolean;
}

export interface FakeVllm {
  /** Path of the program that runs as `vllm`. */
  command: string;
  behave(behaviour: Behaviour): void;
  /** Returns what has happened, in order: `start`, `engine`, `one token`, `call`, `sleep`, `wake up`, `term`, `left`. */
  events(): string[];
  /** Returns when so many events of a kind have happened. */
  until(kind: string, count?: number): Promise<void>;
  /** Returns its starts, with the arguments and the environment of each. */
  starts(): { pid: number; args: string[]; env: Record<string, string>; cwd: string }[];
  engines(): number[];
  /** Returns its processes that still run. */
  left(): number[];
}

/** Makes a fake `vllm` for a test. Its processes are ended when the test is over. */
export function fakeVllm(first: Behaviour = {}, name = "vllm"): FakeVllm {
  const folder = temporaryFolder();
  const file = join(folder, "events");
  writeFileSync(file, "");
  const behave = (behaviour: Behaviour) => {
    writeFileSync(join(folder, "behaviour.new"), JSON.stringify(behaviour));
    renameSync(join(folder, "behaviour.new"), join(folder, "behaviour.json"));
  };
  behave(first);
  const command = join(folder, name);
  const script = join(import.meta.dirname, "fake-vllm-program.ts");
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${script}' '${folder}' "$@"\n`);
  chmodSync(command, 0o755);

  const events = () => readFileSync(file, "utf8").split("\n").filter(Boolean);
  const of = (kind: string) => events().filter((event) => event === kind || event.startsWith(`${kind} `));
  const vllm: FakeVllm = {
    command,
    behave,
    events: () => events().map((event) => event.replace(/^(start|engine) .*/, "$1")),
    starts: () =>
      of("start").map((event) => {
        const [, pid, rest] = /^start (\d+) (.*)$/.exec(event)!;
        return { pid: Number(pid), ...JSON.parse(rest!) };
      }),
    engines: () => of("engine").map((event) => Number(event.split(" ")[1])),
    left: () => [...vllm.starts().map(({ pid }) => pid), ...vllm.engines()].filter(isAlive),
    async until(kind, count = 1) {
      await fileShows(file, () => of(kind).length >= count);
    },
  };
  onTestFinished(() => {
    for (const pid of vllm.left()) if (commandOf(pid).includes(folder)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return vllm;
}

/** Returns when a condition holds that depends on a file. */
export function fileShows(file: string, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      watcher.close();
      clearInterval(timer);
      resolve();
    };
    const watcher = watch(file, look);
    // Changes before the watch has begun are not reported.
    const timer = setInterval(look, 20);
    look();
  });
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, "utf8") : "";
}

export function vllmConfig(managed: Partial<ManagedConfig>, model = "acme/tiny"): ProviderConfig {
  return {
    name: "vllm-local",
    type: "vllm-managed",
    model,
    publish: true,
    managed: { extraArgs: [], warmupSeconds: 60, warmup: false, ...managed },
  };
}

/** Returns the dependencies of a managed vLLM in a test: the real system, which looks often. */
export function vllmDeps(home: string, more: Partial<ManagedVllmDeps> = {}): ManagedVllmDeps {
  return {
    home,
    env: { PATH: process.env["PATH"], HOME: home },
    send: createOutbound(),
    time: systemTime,
    log: memoryLog(),
    timeouts: { poll: 10, watch: 1000, grace: 20_000 },
    ...more,
  };
}
