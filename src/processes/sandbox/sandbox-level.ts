import type { SandboxName } from "../../kinds/mcp-settings.ts";
import type { OutsideProcesses } from "../outside-processes.ts";
import type { ResourceLimits } from "../resource-limits.ts";
import type { LandlockPolicy } from "./exec/exec-policy.ts";

/** A program that is to run with less than the rights of its user. */
export interface SandboxRequest {
  argv: readonly string[];
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
  /** The image, for a level that runs images. `argv` are then the arguments behind it. */
  image?: ImageRequest;
}

/** A container image, and the way in which it is run. */
export interface ImageRequest {
  reference: string;
  /** The name of the program, for the label of the container. */
  label: string;
  /** The program in the image, if it is not the image's own. */
  entrypoint?: string;
  /** True: the program's own folder is in the container, under the same path. */
  usesFolder: boolean;
  /** Port on which the program serves HTTP. */
  port?: number;
  /** Takes lines about the pull of an image that the host does not have. */
  onProgress(line: string): void;
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
  /** The place in which further processes of it run, which may outlive the first one. */
  outside?: OutsideProcesses;
  /** Address of the program where it serves HTTP. */
  url?: string;
  /** Files that are removed when the program runs: they hold its environment. */
  transientFiles?: string[];
}

/** The answer of a probe. */
export type Availability = { available: true } | { available: false; reason: string; hint: string };

/** One way to keep a program apart from the rest of the machine. */
export interface SandboxLevel {
  readonly name: SandboxName;
  /** A clause for people: `bubblewrap: own view of files and processes`. */
  readonly title: string;
  /** The programs that it runs: those of this host, or of container images. */
  readonly runs: "host" | "image";
  /** True: it keeps files of the host away, and can turn the network off. */
  readonly isolates: boolean;
  /** Sentences about what it does not do. */
  readonly gaps: readonly string[];
  /** Tries on this host whether it works. The answer of a level that works is kept. */
  probe(): Promise<Availability>;
  /** Returns the command line. The caller has probed the level. */
  wrap(request: SandboxRequest): SandboxedCommand | Promise<SandboxedCommand>;
}
