import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../../../processes/find-program.ts";
import type { Launch } from "../../../processes/launch/launch.ts";
import { type LaunchHost, prepareLaunch } from "../../../processes/launch/prepare.ts";
import { type RunningLaunch, startLaunch, sweepLaunches } from "../../../processes/launch/start.ts";
import { noteInstalled, removeHalfInstalled } from "../../../processes/launchers/half-installed.ts";
import { runtimeFault } from "../../../processes/launchers/runtime-fault.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { InstanceLog } from "./logs/instance-log.ts";
import type { ServerValues } from "./server-values.ts";

export interface ProgramsOptions {
  /** A folder that nothing else uses. */
  folder: string;
  host: LaunchHost;
  /** Folders that no program may read: those of mcpctl. */
  kept: readonly string[];
  /** Milliseconds from SIGTERM to SIGKILL; 5,000 if it is not set. */
  grace?: number;
}

/** The programs of MCP servers on this host, each with a folder of its own. */
export class Programs {
  readonly #options: ProgramsOptions;
  /** The starts and programs that use a folder: promises of their ends. */
  readonly #users = new Map<string, Set<Promise<unknown>>>();
  /** The removals of folders under way, for which a start waits (failure mode 258). */
  readonly #removals = new Map<string, Promise<void>>();

  constructor(options: ProgramsOptions) {
    this.#options = options;
  }

  /** The folder of the logs of a server. */
  logsOf(serverId: string): string {
    return join(this.#options.folder, "logs", serverId);
  }

  /**
   * Starts the program of a server.
   *
   * @throws AppError when the host lacks something, or the system cannot start it
   */
  async start(
    { id, name, spec }: McpServerRow,
    options: { instanceId: string; folder: string; values: ServerValues; log: InstanceLog },
  ): Promise<{ child: RunningLaunch; launch: Launch }> {
    const ownFolder = join(this.#folderOf(id), options.folder);
    const isFirst = !this.#users.has(ownFolder);
    const release = this.#use(ownFolder);
    try {
      await this.#removals.get(ownFolder);
      if (spec.package !== undefined && isFirst) await removeHalfInstalled(ownFolder, spec.package);
      const { values, log, instanceId } = options;
      const launch = await this.#prepare({ name, spec }, ownFolder, values, log);
      const { grace } = this.#options;
      const child = startLaunch(launch, {
        records: this.#records,
        id: instanceId,
        onStderr: (bytes) => log.stderr(bytes),
        ...(grace !== undefined && { grace }),
      });
      void child.closed.finally(release);
      return { child, launch };
    } catch (error) {
      release();
      throw error;
    }
  }

  #prepare(
    { name, spec }: Pick<McpServerRow, "name" | "spec">,
    ownFolder: string,
    { env }: ServerValues,
    log: InstanceLog,
  ): Promise<Launch> {
    const { host, kept, folder } = this.#options;
    return prepareLaunch(spec, {
      host,
      name,
      sandbox: spec.sandbox,
      ...(spec.resources && { resources: spec.resources }),
      ...(spec.hostPaths?.read && { readable: spec.hostPaths.read }),
      ...(spec.hostPaths?.write && { writable: spec.hostPaths.write }),
      env,
      folder: ownFolder,
      kept: [...kept, folder],
      onProgress: (line) => log.line(line),
    });
  }

  /** Notes that a program has started and answers: the package that it came from is whole. */
  noteStarted({ id, spec }: McpServerRow, folder: string): void {
    if (spec.package !== undefined) noteInstalled(join(this.#folderOf(id), folder), spec.package);
  }

  /** Returns the reason why a program did not start if the host's Node.js or Python is too old for its package. */
  async runtimeFault(
    { id, spec }: McpServerRow,
    folder: string,
    lines: readonly string[],
  ): Promise<string | undefined> {
    const { package: packageName, sandbox } = spec;
    if (packageName === undefined || sandbox === "container") return undefined;
    const path = this.#options.host.env["PATH"] ?? "";
    return runtimeFault({
      ...{ packageName, lines, folder: join(this.#folderOf(id), folder) },
      python: spec.env?.find(({ name }) => name === "UV_PYTHON")?.value,
      async nodeVersion() {
        const program = findProgram("node", path);
        if (program === undefined) return undefined;
        const child = Bun.spawn([program, "--version"], {
          env: { PATH: path },
          stdio: ["ignore", "pipe", "ignore"],
          timeout: 5000,
        });
        return /^v(\d+\.\d+\.\d+)/.exec(await new Response(child.stdout).text())?.[1];
      },
    });
  }

  /**
   * Removes the folder of an instance that has ended for good, unless a later instance for the same callers uses it, which
   * removes it at its own end.
   */
  async removeFolder(serverId: string, folder: string): Promise<void> {
    const path = join(this.#folderOf(serverId), folder);
    await Promise.allSettled(this.#users.get(path) ?? []);
    if (this.#users.has(path)) return;
    const removal = rm(path, { recursive: true, force: true }).finally(() => this.#removals.delete(path));
    this.#removals.set(path, removal);
    await removal;
  }

  /** Removes all that a server has here. */
  async remove(serverId: string): Promise<void> {
    for (const path of [this.#folderOf(serverId), this.logsOf(serverId)])
      await rm(path, { recursive: true, force: true });
  }

  /**
   * Ends the processes that a run of mcpctl which was killed has left, and removes the folders of servers that are gone.
   *
   * @returns sentences about processes that could not be ended
   */
  async sweep(exists: (serverId: string) => boolean): Promise<string[]> {
    const faults = await sweepLaunches(this.#records, this.#options.host.env);
    for (const part of ["programs", "logs"])
      for (const id of await readdir(join(this.#options.folder, part)).catch(() => []))
        if (!exists(id)) await this.remove(id);
    return faults;
  }

  /** Notes that a folder is in use. Returns the function that ends that. */
  #use(folder: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const users = this.#users.get(folder) ?? new Set();
    this.#users.set(folder, users.add(promise));
    return () => {
      users.delete(promise);
      if (users.size === 0 && this.#users.get(folder) === users) this.#users.delete(folder);
      resolve();
    };
  }

  get #records(): string {
    return join(this.#options.folder, "running");
  }

  #folderOf(serverId: string): string {
    return join(this.#options.folder, "programs", serverId);
  }
}
