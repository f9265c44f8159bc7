import type { LandlockPolicy } from "./exec/exec-policy.ts";

/** The most that a program and all that it starts may use together. A missing one is not limited. */
export interface ResourceLimits {
  memoryMb?: number | undefined;
  /** Processor cores: 0.5 is half of one. */
  cpus?: number | undefined;
  /** Processes and threads. */
  pids?: number | undefined;
}

/** A program that is to run with less than the rights of its user. */
export interface SandboxRequest {
  argv: readonly [program: string, ...args: string[]];
  /** The whole environment. It may hold secrets: no level copies it into arguments, which all users can read. */
  env: Readonly<Record<string, string>>;
  /** The program's own folder, which it can write to. It starts there. */
  folder: string;
  /** Files and folders that it can read, besides those of the system. */
  readable: readonly string[];
  writable: readonly string[];
  /** False: it reaches nobody over the network. */
  network: boolean;
  limits: ResourceLimits;
}

/** A command line that starts a program within its sandbox. */
export interface SandboxedCommand {
  argv: [program: string, ...args: string[]];
  env: Record<string, string>;
  cwd: string;
  /** True: its first process only waits for the program, and must not get SIGTERM before it. */
  hasMonitor: boolean;
  /** Rights that the first process gives up before it becomes `argv`. */
  landlock?: LandlockPolicy;
}

/** The answer of a probe. */
export type Availability = { available: true } | { available: false; reason: string; hint: string };

/** One way to keep a program apart from the rest of the machine. */
export interface SandboxLevel {
  readonly name: string;
  /** A clause for people: `bubblewrap: own view of files and processes`. */
  readonly title: string;
  /** Sentences about what it does not do. */
  readonly gaps: readonly string[];
  /** Tries on this host whether it works. The answer of a level that works is kept. */
  probe(): Promise<Availability>;
  /** Returns the command line. The caller has probed the level. */
  wrap(request: SandboxRequest): SandboxedCommand;
}
