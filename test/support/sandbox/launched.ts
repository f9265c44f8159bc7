import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Launch } from "../../../src/processes/launch/launch.ts";
import {
  type LaunchHost,
  type LaunchOptions,
  launchHost,
  prepareLaunch,
} from "../../../src/processes/launch/prepare.ts";
import type { ProgramSource } from "../../../src/processes/launch/program-source.ts";
import { type StartLaunchOptions, startLaunch } from "../../../src/processes/launch/start.ts";
import type { PipedProcess } from "../../../src/processes/piped-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const hostileProgram = join(import.meta.dirname, "hostile-program.ts");

/** One host for all tests of a file, so that each level is probed once. */
export const testHost: LaunchHost = launchHost(process.env);

/** Options of a launch in a test. */
export type TestLaunchOptions = Partial<LaunchOptions> & Partial<StartLaunchOptions>;

/** A program that a test has launched. */
export interface LaunchedProgram extends PipedProcess {
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
  return { ...started, launch, folder, records, stderr: () => stderr };
}

/** Lets a hostile program make one attempt. Returns what it has got, or the code of the error that it met. */
export async function attempt(
  options: TestLaunchOptions,
  ...words: readonly string[]
): Promise<{ got?: unknown; denied?: string; exit: number | string | null; stderr: string }> {
  const program = await launched({ command: [process.execPath, hostileProgram, ...words] }, options);
  const text = await new Response(program.stdout).text();
  const { code, signal } = await program.closed;
  const outcome = text === "" ? {} : JSON.parse(text);
  return { ...outcome, exit: signal ?? code, stderr: program.stderr() };
}
