import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openOutputFile } from "../../src/processes/output-file.ts";
import { hasOtherOwner, recordFile, survivor } from "../../src/processes/process-record.ts";
import { processTable } from "../../src/processes/process-table.ts";
import { adoptGroup } from "../../src/processes/start.ts";
import { sweep } from "../../src/processes/sweep.ts";
import { eventually, isAlive, pidsIn, stranger } from "../support/processes/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ownerPath = join(import.meta.dirname, "../support/processes/group-owner.ts");
const table = processTable();
const options = { name: "it", timeouts: { grace: 5000, kill: 10_000 }, table };
const wait = "echo $$ >> pids; exec sleep 600";

/** A program that has started `script` in a group, and that is killed with -9 when `count` processes of it run. */
async function killedOwner(script: string, count: number) {
  const folder = temporaryFolder();
  const owner = Bun.spawn([process.execPath, ownerPath, folder, script], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  onTestFinished(() => owner.kill("SIGKILL"));
  await pidsIn(join(folder, "owner"), 1);
  const pids = await pidsIn(join(folder, "pids"), count);
  const file = recordFile(join(folder, "record.json"), () => true);
  const record = file.read()!;
  expect(hasOtherOwner(record, table)).toBe(true);
  owner.kill("SIGKILL");
  await owner.exited;
  expect(pids.filter(isAlive)).toHaveLength(count);
  return { folder, pids, file, record, marker: { variable: "TEST_MARKER", value: record.marker } };
}

describe("a group whose program was killed with -9", () => {
  it("is swept by its marker, with what has left the group and what is deaf to SIGTERM", async () => {
    const script = `setsid sh -c 'trap "" TERM; ${wait}' & sh -c '${wait}' & ${wait}`;
    const { pids, marker, record, file } = await killedOwner(script, 3);
    const other = stranger({ TEST_MARKER: crypto.randomUUID() });
    expect(hasOtherOwner(record, table)).toBe(false);
    await sweep(marker, { name: "it", timeout: 60_000, table });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(isAlive(other.pid)).toBe(true);
    expect(survivor(record, "TEST_MARKER", table)).toBeUndefined();
    file.remove();
    expect(file.read()).toBeUndefined();
  });

  it("is adopted, goes on writing to its output file, and is ended like one's own", async () => {
    const script = `sh -c '${wait}' & echo $$ >> pids; while :; do [ -e ask ] && echo answered && rm ask; sleep 0.01; done`;
    const { folder, pids, record, marker } = await killedOwner(script, 2);
    const leader = survivor(record, "TEST_MARKER", table);
    expect(leader?.pid).toBe(pids.find((pid) => pid === record.leader!.pid));
    const group = adoptGroup(leader!, { ...options, marker, pollMs: 10 });
    const output = openOutputFile(join(folder, "output"), { empty: false });
    appendFileSync(join(folder, "ask"), "");
    await eventually(() => output.newLines().includes("answered"));
    expect(group.hasExited).toBe(false);
    await group.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    output.close();
  });

  it("is noticed to end by itself after it was adopted, and what it leaves behind is ended", async () => {
    const { pids, record, marker } = await killedOwner(`setsid sh -c '${wait}' & ${wait}`, 2);
    const leader = survivor(record, "TEST_MARKER", table)!;
    const group = adoptGroup(leader, { ...options, marker, pollMs: 10 });
    process.kill(leader.pid, "SIGKILL");
    expect(await group.exited).toEqual({ code: null, signal: null });
    await eventually(() => !pids.some(isAlive));
  });

  it("is recorded where only its owner can read it", async () => {
    const { folder } = await killedOwner(wait, 1);
    expect(existsSync(join(folder, "record.json"))).toBe(true);
    expect(Bun.spawnSync(["stat", "-c", "%a", join(folder, "record.json")]).stdout.toString()).toBe("600\n");
    expect(readFileSync(join(folder, "record.json"), "utf8")).toContain('"leader":{"pid":');
  });
});
