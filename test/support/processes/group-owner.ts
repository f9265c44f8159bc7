import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { openOutputFile } from "../../../src/processes/output-file.ts";
import { recorded, recordFile } from "../../../src/processes/process-record.ts";
import { processTable } from "../../../src/processes/process-table.ts";
import { startDetached } from "../../../src/processes/start.ts";

/**
 * A program that starts a process group, writes it down and lives on until it is killed: `bun group-owner.ts FOLDER SCRIPT`.
 * SCRIPT is run by sh in FOLDER; the record is FOLDER/record.json, the output FOLDER/output.
 */
const [folder, script] = process.argv.slice(2) as [string, string];
const table = processTable();
const marker = crypto.randomUUID();
const group = startDetached({
  argv: ["sh", "-c", script],
  cwd: folder,
  env: { PATH: process.env["PATH"]! },
  name: "the test's program",
  marker: { variable: "TEST_MARKER", value: marker },
  timeouts: { grace: 5000, kill: 5000 },
  output: openOutputFile(join(folder, "output"), { empty: true }).descriptor,
});
recordFile(join(folder, "record.json"), () => true).write({
  marker,
  owner: recorded(process.pid, table),
  leader: recorded(group.pid, table),
});
appendFileSync(join(folder, "owner"), `${process.pid}\n`);
setInterval(() => {}, 60_000);
