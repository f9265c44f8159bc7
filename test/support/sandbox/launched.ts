import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { SandboxName } from "../../../src/kinds/mcp-settings.ts";
import type { Launch } from "../../../src/processes/launch/launch.ts";
import {
  type LaunchHost,
  type LaunchOptions,
  launchHost,
  prepareLaunch,
} from "../../../src/processes/launch/prepare.ts";
import type { ProgramSource } from "../../../src/processes/launch/program-source.ts";
import {
  type RunningLaunch,
  type StartLaunchOptions,
  startLaunch,
} from "../../../src/processes/launch/start.ts";
import { wholeOutput } from "../../../src/processes/whole-output.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const hostileProgram = join(import.meta.dirname, "hostile-program.ts");

/** One host for all tests of a file, so that each level is probed once. */
export const testHost: LaunchHost = launchHost(process.env);

/** Options of a launch in a test. */
export type TestLaunchOptions = Partial<LaunchOptions> & Partial<StartLaunchOptions>;

/** A program that a test has launched. */
export interface LaunchedProgram extends RunningLaunch {
  launch: Launch;
  stderr(): string;
  /** Its own folder. */
  folder: string;
  records: string;
}

/** Launches a program in a folder of its own. It is gone when the test is over. */
export async function launched(
  source: ProgramSource,
  options: TestLaunchOptions = {},
): Promise<LaunchedProgram> {
  const base = temporaryFolder();
  const folder = join(base, "programs/it");
  const records = join(base, "records");
  mkdirSync(join(base, "data"));
  const launch = await prepareLaunch(source, {
    host: testHost,
    name: "it",
    sandbox: "none",
    folder,
    kept: [join(base, "data")],
    ...options,
  });
  let stderr = "";
  const started = startLaunch(launch, {
    records,
    id: "it",
    onStderr: (bytes) => {
      stderr += Buffer.from(bytes).toString();
    },
    ...options,
  });
  onTestFinished(() => started.group.stop().catch(() => {}));
  return Object.assign(Object.create(started), { launch, folder, records, stderr: () => stderr });
}

/** The outcome of an attempt: what the program has got, or the code of the error that it met. */
export type Outcome = { got: unknown } | { denied: string };

/** The outcomes of attempts, and the end of the program that made them. */
export interface Attempts {
  outcomes: Outcome[];
  exit: number | string | null;
  stderr: string;
  /** The reason for which mcpctl has ended it, if it has. */
  ended: string | undefined;
}

/** Lets a hostile program make attempts, one after the other. */
export async function attempts(
  options: TestLaunchOptions,
  ...list: readonly (readonly [attempt: string, ...args: (string | number)[]])[]
): Promise<Attempts> {
  const command = [process.execPath, hostileProgram, JSON.stringify(list)];
  const program = await launched({ command }, options);
  const text = await wholeOutput(program.stdout);
  const { code, signal } = await program.closed;
  const outcomes = text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  return { outcomes, exit: signal ?? code, stderr: program.stderr(), ended: program.endReason };
}

/** The levels for programs of the host that this host has, the strongest first. */
export async function levelsOfHost(): Promise<SandboxName[]> {
  const levels = testHost.levels.filter(({ runs }) => runs === "host");
  const found = await Promise.all(levels.map(async (level) => [level.name, await level.probe()] as const));
  return found.flatMap(([name, { available }]) => (available ? [name] : []));
}
