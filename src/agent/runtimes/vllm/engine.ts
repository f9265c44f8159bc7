import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../../errors.ts";
import type { Log } from "../../../log.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { loopbackPort } from "../../../processes/loopback-port.ts";
import { type OutputFile, openOutputFile } from "../../../processes/output-file.ts";
import type { ProcessGroup, StopTimeouts } from "../../../processes/process-group.ts";
import {
  hasOtherOwner,
  type RecordFile,
  recorded,
  recordFile,
  survivor,
} from "../../../processes/process-record.ts";
import { type ProcessTable, processTable } from "../../../processes/process-table.ts";
import { adoptGroup, type StartOptions, startDetached } from "../../../processes/start.ts";
import { sweep } from "../../../processes/sweep.ts";
import type { ProviderConfig } from "../../core/config.ts";
import { type AgentEnvironment, findExecutable, hasSleepMode, vllmArguments } from "./command.ts";
import { type EngineApi, engineApi } from "./engine-api.ts";
import { vllmEnvironment } from "./environment.ts";

/** The variable that marks a vLLM, and every process that it starts, as this agent's own. */
const markerVariable = "MCPCTL_AGENT_PROVIDER";

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
export interface VllmTimeouts extends StopTimeouts {
  /** Between two checks whether it is ready. */
  poll: number;
  /** Between two checks whether it is still healthy. */
  watch: number;
}

/** Everything that the vLLM of one provider is started from. */
export interface VllmSetup {
  readonly config: ProviderConfig;
  readonly sleepMode: boolean;
  /** The longest that a start may take. */
  readonly warmupSeconds: number;
  /** The file that takes its output. */
  readonly outputPath: string;
  readonly table: ProcessTable;
  readonly record: RecordFile<VllmDetails>;
  readonly timeouts: VllmTimeouts;
  readonly env: AgentEnvironment;
  readonly send: Outbound;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  readonly folder: string;
}

/** Facts about a vLLM that the next agent needs besides its processes. */
interface VllmDetails {
  port: number;
  /** Tells whether the config is still the same. */
  configHash: string;
}

/**
 * Gathers what the vLLM of a provider is started from.
 *
 * @param deps.home `~/.mcpctl`; records and output go to `vllm/` in it
 */
export function vllmSetup(
  config: ProviderConfig,
  deps: Pick<VllmSetup, "env" | "send" | "log" | "timeouts"> & { home: string },
): VllmSetup {
  const { env, send, log, timeouts } = deps;
  const folder = join(deps.home, "vllm");
  // A provider may have any name, and here it becomes the name of a file.
  const file = join(folder, encodeURIComponent(config.name));
  return {
    config,
    sleepMode: hasSleepMode(config.managed?.extraArgs ?? []),
    warmupSeconds: config.managed?.warmupSeconds ?? 600,
    outputPath: `${file}.log`,
    table: processTable(),
    record: recordFile(
      `${file}.json`,
      ({ port, configHash }) => typeof port === "number" && typeof configHash === "string",
    ),
    ...{ timeouts, env, send, log, folder },
  };
}

/**
 * Starts a vLLM, which then needs minutes to be ready. Sweeps what an earlier one has left before.
 *
 * @throws AppError `not_supported` without a program to start, `unavailable` when its port is taken or it cannot run
 */
export async function startEngine(setup: VllmSetup): Promise<Engine> {
  const { config, sleepMode, table, record, env, folder } = setup;
  const executable = findExecutable(config, env);
  await sweepLeftover(setup);
  const port = loopbackPort(config.managed?.port);
  const marker = crypto.randomUUID();
  const entry = { marker, port, configHash: hashOf(config, executable), owner: recorded(process.pid, table) };
  // Written before the start: an agent that is killed in between leaves a marker to sweep by.
  record.write(entry);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const output = openOutputFile(setup.outputPath, { empty: true });
  let group: ProcessGroup | undefined;
  try {
    group = started(setup, {
      argv: [executable, ...vllmArguments(config, port)],
      env: vllmEnvironment(env, { executable, sleepMode }),
      output: output.descriptor,
      marker,
    });
    record.write({ ...entry, leader: recorded(group.pid, table) });
    return engineOf(setup, group, port, output);
  } catch (thrown) {
    // A vLLM that cannot be recorded must not run: the next agent would not find it.
    await group?.stop();
    output.close();
    record.remove();
    throw thrown;
  }
}

/**
 * Takes over the vLLM of an agent that was killed, if it is healthy and its config is still the same. Otherwise it is
 * left for `sweepLeftover`.
 *
 * @throws AppError `not_supported` when there is no program to start
 */
export async function adoptEngine(setup: VllmSetup, signal: AbortSignal): Promise<Engine | undefined> {
  const { config, table, record, timeouts, env, send } = setup;
  const found = record.read();
  const leader = found && survivor(found, markerVariable, table);
  if (!found || !leader || hasOtherOwner(found, table)) return undefined;
  if (found.configHash !== hashOf(config, findExecutable(config, env))) return undefined;
  const { marker, port } = found;
  const api = engineApi(urlOf(port), send);
  const isHealthy = async () =>
    (await api.health(signal)) === 200 && (await api.models(signal))?.includes(config.model) === true;
  if (!(await isHealthy().catch(() => false))) return undefined;
  record.write({ ...found, owner: recorded(process.pid, table) });
  const group = adoptGroup(leader, { ...groupOptions(setup, marker), pollMs: Math.min(500, timeouts.watch) });
  return engineOf(setup, group, port, openOutputFile(setup.outputPath, { empty: false }));
}

/**
 * Ends what an agent that was killed has left: every process with its marker, and no other.
 *
 * @throws AppError `unavailable` when that cannot be ended, or when it belongs to another agent that runs
 */
export async function sweepLeftover(setup: VllmSetup): Promise<void> {
  const { table, record, timeouts, log, config } = setup;
  const found = record.read();
  if (!found) return;
  if (hasOtherOwner(found, table))
    throw new AppError("unavailable", "another agent on its machine runs this vLLM", { retryAfter: 30 });
  const options = groupOptions(setup, found.marker);
  const leader = survivor(found, markerVariable, table);
  if (leader) {
    log.info(`${config.name}: ending the vLLM that an earlier agent has left (pid ${leader.pid})`);
    await adoptGroup(leader, { ...options, pollMs: timeouts.watch }).stop();
  } else await sweep(options.marker, { ...options, timeout: timeouts.kill });
  if (found.leader && found.owner.start === undefined)
    log.warn(`${config.name}: an earlier agent's vLLM may still run as pid ${found.leader.pid}`);
  record.remove();
}

/** Returns the URL of a vLLM on this port, without `/v1`. */
export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function groupOptions({ timeouts, table }: VllmSetup, marker: string) {
  return { name: "vLLM", timeouts, table, marker: { variable: markerVariable, value: marker } };
}

function started(
  setup: VllmSetup,
  { marker, ...program }: Pick<StartOptions, "argv" | "env"> & { output: number; marker: string },
): ProcessGroup {
  try {
    // Not in the agent's own folder: a folder there must not be taken for the model's name.
    return startDetached({ ...program, cwd: setup.folder, ...groupOptions(setup, marker) });
  } catch (cause) {
    throw new AppError("unavailable", "vLLM cannot be run on its machine", { cause });
  }
}

function engineOf(setup: VllmSetup, group: ProcessGroup, port: number, output: OutputFile): Engine {
  return {
    port,
    group,
    api: engineApi(urlOf(port), setup.send),
    output,
    async stop() {
      await group.stop().finally(() => output.close());
      setup.record.remove();
    },
  };
}

function hashOf(config: ProviderConfig, executable: string): string {
  const parts = [executable, config.managed?.port ?? null, vllmArguments(config, 0)];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
