import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SandboxName } from "../../../src/kinds/mcp-settings.ts";
import { launchHost, prepareLaunch } from "../../../src/processes/launch/prepare.ts";
import { startLaunch } from "../../../src/processes/launch/start.ts";

/**
 * A program that launches a script of sh in a sandbox and lives on until it is killed:
 * `bun launch-owner.ts FOLDER SANDBOX SCRIPT`. The script runs in FOLDER/program, the records are in FOLDER/records.
 */
const [base, sandbox, script] = process.argv.slice(2) as [string, SandboxName, string];
mkdirSync(join(base, "data"));
const launch = await prepareLaunch(
  { command: ["sh", "-c", script] },
  {
    host: launchHost(process.env),
    name: "the test's program",
    sandbox,
    folder: join(base, "program"),
    kept: [join(base, "data")],
  },
);
startLaunch(launch, { records: join(base, "records"), id: "it", onStderr() {} });
appendFileSync(join(base, "owner"), `${process.pid}\n`);
setInterval(() => {}, 60_000);
