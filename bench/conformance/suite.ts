import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { bareEnvironment } from "../processes.ts";

/** The official conformance suite. `latest` at npm, 0.1.16, does not know the revision 2026-07-28. */
export const suitePackage = "@modelcontextprotocol/conformance@0.2.0-alpha.12";

/** The revisions for which the suite has a list of what is required. */
export const revisions = ["2026-07-28", "2025-11-25"] as const;
export type Revision = (typeof revisions)[number];

/** The side of the protocol on which mcpctl stands: for its own clients, for the servers behind it, or giving out tokens. */
export const legs = ["server", "client", "authorization"] as const;
export type Leg = (typeof legs)[number];

/** The result of one scenario. */
export interface ScenarioResult {
  scenario: string;
  /** False for extensions and for what was added to the suite after the revision: it runs, and is not required. */
  isRequired: boolean;
  passed: number;
  /** The checks that failed, with what the suite says about them. */
  failures: { check: string; reason: string }[];
}

interface Check {
  id: string;
  status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  description: string;
  errorMessage?: string;
}

export interface SuiteRun {
  /** Folder of the installed programs. */
  bin: string;
  revision: Revision;
  leg: Leg;
  /** `--url` of a server, or `--command` of a client; of an authorization server more. */
  target: readonly string[];
  /** An empty folder for what the suite writes. */
  folder: string;
  /** Variables for the client. */
  env?: Record<string, string>;
  /** Opens a page that the suite prints, as a person does. */
  open?(page: URL): Promise<void>;
}

/** The scenarios about authorization servers. No revision has them on its list: they belong to OAuth. */
const authorizationScenarios = ["authorization-server-metadata-endpoint", "authorization-code-grant"];

/** The longest that one run of the suite may take, in milliseconds. */
const timeout = 600_000;

/** Runs all scenarios of a revision on one leg. @throws Error if the suite did not end */
export async function runSuite(run: SuiteRun): Promise<ScenarioResult[]> {
  const { bin, revision, leg, folder } = run;
  const scenarios = scenariosOf(bin, revision, leg);
  if (leg === "server") await runProgram(run, ["--requirements", revision]);
  else if (leg === "authorization") await runProgram(run, ["--spec-version", revision]);
  // With all of them the suite starts all clients at once, and a small machine is late for some.
  else
    for (const { scenario } of scenarios)
      await runProgram(run, ["--scenario", scenario, "--spec-version", revision, "--force"]);
  const found = readResults(folder, leg);
  return scenarios.map(({ scenario, isRequired }) => {
    const checks = found.get(scenario) ?? [failed("not-run", "the suite wrote no result")];
    const passed = checks.filter(({ status }) => status === "SUCCESS").length;
    const failures = checks
      .filter(({ status }) => status === "FAILURE")
      .map(({ id, errorMessage, description }) => ({ check: id, reason: errorMessage ?? description }));
    // A scenario without checks proves nothing.
    if (passed + failures.length === 0) failures.push({ check: "not-run", reason: "nothing was checked" });
    return { scenario, isRequired, passed, failures };
  });
}

async function runProgram(
  { bin, leg, target, folder, env, open }: SuiteRun,
  selection: string[],
): Promise<void> {
  // By Bun, because it needs Node.js 22 and Bun is what this repository has.
  const command = [process.execPath, "--bun", join(bin, "conformance"), leg, ...target];
  const child = Bun.spawn([...command, ...selection, "--output-dir", folder], {
    cwd: folder,
    env: { ...bareEnvironment, HOME: folder, ...env },
    stdin: "ignore",
    stdout: open ? "pipe" : "ignore",
    stderr: Bun.file(join(folder, "stderr.log")),
    timeout,
    killSignal: "SIGKILL",
  });
  if (open && child.stdout) await openPages(child.stdout, open);
  await child.exited;
  if (child.signalCode) throw new Error(`the suite did not end within ${timeout / 60_000} minutes`);
}

/** Opens each page whose address stands alone in a line. */
async function openPages(
  output: ReadableStream<Uint8Array>,
  open: (page: URL) => Promise<void>,
): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of output) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (/^https?:\S+$/.test(line)) await open(new URL(line));
  }
}

/** The scenarios of a revision, from the file that comes with the suite. */
function scenariosOf(
  bin: string,
  revision: Revision,
  leg: Leg,
): Pick<ScenarioResult, "scenario" | "isRequired">[] {
  if (leg === "authorization")
    return authorizationScenarios.map((scenario) => ({ scenario, isRequired: true }));
  const file = join(bin, `../@modelcontextprotocol/conformance/requirements/${revision}.yaml`);
  const list = parse(readFileSync(file, "utf8")) as Record<Leg, string[]> & {
    not_scored: { scenario: string; leg: Leg }[];
  };
  const more = list.not_scored.filter((one) => one.leg === leg);
  return [
    ...list[leg].map((scenario) => ({ scenario, isRequired: true })),
    ...more.map(({ scenario }) => ({ scenario, isRequired: false })),
  ];
}

/** Reads what the suite wrote, by scenario: a folder each, `server-ping-2026-11-29T08-00-00-000Z`. */
function readResults(folder: string, leg: Leg): Map<string, Check[]> {
  const found = new Map<string, Check[]>();
  for (const path of new Bun.Glob("**/checks.json").scanSync(folder)) {
    const checks = JSON.parse(readFileSync(join(folder, path), "utf8")) as Check[];
    const name = dirname(path).replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
    if (leg === "client") checks.push(...clientFailures(join(folder, dirname(path), "stderr.txt")));
    found.set(leg === "client" ? name : name.replace(/^(?:authorization-)?server-/, ""), checks);
  }
  return found;
}

/** The suite looks at the messages alone. A client that ended with an error did not do all that it should. */
function clientFailures(file: string): Check[] {
  const text = readFileSync(file, "utf8").trim();
  return text === "" ? [] : [failed("client-ended-with-an-error", text.slice(0, 300))];
}

function failed(id: string, description: string): Check {
  return { id, status: "FAILURE", description };
}
