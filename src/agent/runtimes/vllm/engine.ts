import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../../errors.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { type OutputFile, openOutput } from "../../../processes/output-file.ts";
import {
  adoptGroup,
  type ProcessGroup,
  type StopPatience,
  startGroup,
  sweep,
} from "../../../processes/process-group.ts";
import { type ProcessTable, processTable } from "../../../processes/process-table.ts";
import type { ProviderConfig } from "../../core/config.ts";
import type { Log } from "../../core/log.ts";
import { type Environment, findExecutable, hasSleepMode, vllmArguments } from "./command.ts";
import { type EngineApi, engineApi } from "./engine-api.ts";
import { vllmEnvironment } from "./environment.ts";
import { belongsToAnother, survivor, type Trace, type TraceFile, traceFile } from "./orphan.ts";
import { portFor } from "./port.ts";

/** One vLLM that runs. */
export interface Engine {
  readonly port: number;
  readonly group: ProcessGroup;
  readonly api: EngineApi;
  readonly output: OutputFile;
  /** Ends it with all that it has started. Throws AppError `unavailable` when something of it is left. */
  stop(): Promise<void>;
}

/** Milliseconds. */
export interface VllmPatience extends StopPatience {
  /** Between two looks whether it is ready. */
  poll: number;
  /** Between two looks whether it is still well. */
  watch: number;
}

/** All that one provider's vLLM is started from. */
export interface Workplace {
  readonly config: ProviderConfig;
  readonly sleepMode: boolean;
  /** How long a start may take. */
  readonly warmupSeconds: number;
  /** What it writes. */
  readonly outputPath: string;
  readonly table: ProcessTable;
  readonly trace: TraceFile;
  readonly patience: VllmPatience;
  readonly env: Environment;
  readonly send: Outbound;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  readonly folder: string;
}

/**
 * @param home `~/.mcpctl`; what is noted and written goes to `vllm/` in it
 */
export function workplace(
  config: ProviderConfig,
  deps: Pick<Workplace, "env" | "send" | "log" | "patience"> & { home: string },
): Workplace {
  const { env, send, log, patience } = deps;
  const folder = join(deps.home, "vllm");
  // A name is a file's name here, whatever is in it.
  const file = join(folder, encodeURIComponent(config.name));
  return {
    config,
    sleepMode: hasSleepMode(config.managed?.extraArgs ?? []),
    warmupSeconds: config.managed?.warmupSeconds ?? 600,
    outputPath: `${file}.log`,
    table: processTable(),
    trace: traceFile(`${file}.json`),
    ...{ patience, env, send, log, folder },
  };
}

/**
 * Starts a vLLM, which then needs minutes to be ready. What an earlier one has left is swept first.
 *
 * @throws AppError `not_supported` without a program to start, `unavailable` when its port is taken or it cannot run
 */
export async function startEngine(place: Workplace): Promise<Engine> {
  const { config, sleepMode, table, trace, patience, env, folder } = place;
  const executable = findExecutable(config, env);
  await sweepLeftover(place);
  const port = portFor(config.managed?.port);
  const marker = crypto.randomUUID();
  const noted = { marker, port, configHash: hashOf(config, executable), owner: self(table) };
  // Noted before there is anything to be lost.
  trace.write(noted);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const output = openOutput(place.outputPath, { anew: true });
  let group: ProcessGroup | undefined;
  try {
    group = startGroup({
      argv: [executable, ...vllmArguments(config, port)],
      // Not where the agent happens to run: a folder there must not be taken for the model's name.
      cwd: folder,
      env: vllmEnvironment(env, { marker, executable, sleepMode }),
      output: output.descriptor,
      ...{ marker, table, patience },
    });
    const leader = { pid: group.pid, ...(group.start !== undefined && { start: group.start }) };
    trace.write({ ...noted, leader });
    return engineOf(place, group, port, output);
  } catch (thrown) {
    // What cannot be noted must not run.
    await group?.stop();
    output.close();
    trace.remove();
    throw thrown;
  }
}

/**
 * Takes over the vLLM of an agent that was killed, when it is well and its config is still the same. What cannot be
 * taken over is left for `sweepLeftover`.
 *
 * @throws AppError `not_supported` when there is none to be started
 */
export async function adoptEngine(place: Workplace, signal: AbortSignal): Promise<Engine | undefined> {
  const { config, table, trace, patience, env, send } = place;
  const noted = trace.read();
  const leader = noted && survivor(noted, table);
  if (!noted || !leader || belongsToAnother(noted, table)) return undefined;
  if (noted.configHash !== hashOf(config, findExecutable(config, env))) return undefined;
  const { marker, port } = noted;
  const api = engineApi(urlOf(port), send);
  const isWell = async () =>
    (await api.health(signal)) === 200 && (await api.models(signal))?.includes(config.model) === true;
  if (!(await isWell().catch(() => false))) return undefined;
  trace.write({ ...noted, owner: self(table) });
  const group = adoptGroup(leader, { marker, table, patience, look: Math.min(500, patience.watch) });
  return engineOf(place, group, port, openOutput(place.outputPath, { anew: false }));
}

/**
 * Ends what an agent that was killed has left: all that has its marker, and nothing else.
 *
 * @throws AppError `unavailable` when that cannot be ended, or is another agent's, which runs
 */
export async function sweepLeftover(place: Workplace): Promise<void> {
  const { table, trace, patience, log, config } = place;
  const noted = trace.read();
  if (!noted) return;
  if (belongsToAnother(noted, table))
    throw new AppError("unavailable", "another agent on its machine runs this vLLM", { retryAfter: 30 });
  const leader = survivor(noted, table);
  if (leader) {
    log.info(`${config.name}: ending the vLLM that an earlier agent has left (pid ${leader.pid})`);
    await adoptGroup(leader, { marker: noted.marker, table, patience, look: patience.watch }).stop();
  } else await sweep(noted.marker, table, patience.killed);
  if (noted.leader && noted.owner.start === undefined)
    log.warn(`${config.name}: an earlier agent's vLLM may still run as pid ${noted.leader.pid}`);
  trace.remove();
}

/** Where a vLLM on this port is called. */
export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function engineOf(place: Workplace, group: ProcessGroup, port: number, output: OutputFile): Engine {
  return {
    port,
    group,
    api: engineApi(urlOf(port), place.send),
    output,
    async stop() {
      await group.stop().finally(() => output.close());
      place.trace.remove();
    },
  };
}

function self(table: ProcessTable): Trace["owner"] {
  const start = table.startOf(process.pid);
  return { pid: process.pid, ...(start !== undefined && { start }) };
}

function hashOf(config: ProviderConfig, executable: string): string {
  const told = [executable, config.managed?.port ?? null, vllmArguments(config, 0)];
  return createHash("sha256").update(JSON.stringify(told)).digest("hex");
}
