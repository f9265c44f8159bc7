import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ManagedConfig, ProviderConfig } from "../../../src/agent/core/config.ts";
import type { ManagedVllmDeps } from "../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { systemTime, type Time } from "../../../src/time.ts";
import { isAlive } from "../processes/processes.ts";

/** How the vLLM of a test behaves. Milliseconds. */
export interface Behaviour {
  /** Between two lines of its start. */
  stepMs?: number;
  /** It ends when it has said this line. */
  endsAt?: { line: string; says: string; code?: number };
  /** It stays where it has said this line. */
  hangsAt?: string;
  /** The first status of a request for one token. */
  firstStatus?: number;
  /** The name that it says it serves. */
  serves?: string;
  prefillMs?: number;
  outOfMemory?: "mid-generation";
  engineDead?: boolean;
  ignoresTerm?: boolean;
  /** Its engine is not in its process group. */
  engineLeavesGroup?: boolean;
  sleepHangs?: boolean;
  sleepFails?: boolean;
  wakeFails?: boolean;
}

export interface StandIn {
  /** What is to be run as `vllm`. */
  command: string;
  behave(behaviour: Behaviour): void;
  /** What has happened, in order: `start`, `engine`, `one token`, `call`, `sleep`, `wake up`, `term`, `left`. */
  events(): string[];
  /** Returns when so many events of a kind have come. */
  until(kind: string, count?: number): Promise<void>;
  /** How often it was started. */
  starts(): { pid: number; args: string[]; env: Record<string, string>; cwd: string }[];
  engines(): number[];
  /** Of its processes those that are still there. */
  left(): number[];
}

/** A `vllm` for a test. All of it is gone when the test is over. */
export function vllmStandIn(first: Behaviour = {}, name = "vllm"): StandIn {
  const folder = freshFolder();
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
  const standIn: StandIn = {
    command,
    behave,
    events: () => events().map((event) => event.replace(/^(start|engine) .*/, "$1")),
    starts: () =>
      of("start").map((event) => {
        const [, pid, rest] = /^start (\d+) (.*)$/.exec(event)!;
        return { pid: Number(pid), ...JSON.parse(rest!) };
      }),
    engines: () => of("engine").map((event) => Number(event.split(" ")[1])),
    left: () => [...standIn.starts().map(({ pid }) => pid), ...standIn.engines()].filter(isAlive),
    async until(kind, count = 1) {
      await seen(file, () => of(kind).length >= count);
    },
  };
  onTestFinished(() => {
    for (const pid of standIn.left()) if (commandOf(pid).includes(folder)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return standIn;
}

/** Returns when a condition holds that changes with a file. */
export function seen(file: string, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      watcher.close();
      clearInterval(timer);
      resolve();
    };
    const watcher = watch(file, look);
    // What happens to a file before the system watches it is not told.
    const timer = setInterval(look, 20);
    look();
  });
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, "utf8") : "";
}

/** A folder of one test's own, gone when it is over. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mcp-vllm-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function vllmConfig(managed: Partial<ManagedConfig>, model = "acme/tiny"): ProviderConfig {
  return {
    name: "vllm-local",
    type: "vllm-managed",
    model,
    publish: true,
    managed: { extraArgs: [], warmupSeconds: 10, warmup: false, ...managed },
  };
}

/** What the owner's log was told. */
export interface SaidLog {
  said: string[];
  log: ManagedVllmDeps["log"];
}

export function saidLog(): SaidLog {
  const said: string[] = [];
  const at = (level: string) => (message: string) => void said.push(`${level} ${message}`);
  return { said, log: { info: at("info"), warn: at("warn"), error: at("error") } };
}

/** What a managed vLLM works with in a test: the real system, with little patience. */
export function vllmDeps(home: string, more: Partial<ManagedVllmDeps> = {}): ManagedVllmDeps {
  return {
    home,
    env: { PATH: process.env["PATH"], HOME: home },
    send: createOutbound(),
    time: systemTime,
    log: saidLog().log,
    timeouts: { poll: 10, watch: 1000, grace: 2000 },
    ...more,
  };
}

/** A clock that a test moves. */
export interface MovedTime extends Time {
  /** Milliseconds; what is due on the way happens. */
  move(milliseconds: number): void;
  /** How many things are still to happen. */
  readonly due: number;
}

export function movedTime(): MovedTime {
  let now = 0;
  const entries = new Set<{ at: number; act(): void }>();
  return {
    elapsed: () => now,
    random: () => 0.5,
    after(milliseconds, act) {
      const entry = { at: now + milliseconds, act };
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    move(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const [next] = [...entries].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        entries.delete(next);
        now = next.at;
        next.act();
      }
      now = end;
    },
    get due() {
      return entries.size;
    },
  };
}

/** What a call has thrown; an error when it has not. */
export async function caughtFrom(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("it has thrown nothing");
}
