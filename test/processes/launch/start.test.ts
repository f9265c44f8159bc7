import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Launch } from "../../../src/processes/launch/launch.ts";
import { startLaunch, sweepLaunches } from "../../../src/processes/launch/start.ts";
import { eventually, isAlive, pidsIn, stranger } from "../../support/processes/processes.ts";
import { launched, levelsOfHost } from "../../support/sandbox/launched.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const ownerPath = join(import.meta.dirname, "../../support/sandbox/launch-owner.ts");

const levels = await levelsOfHost();

/** Returns the processes whose arguments contain a text, as this program sees them from outside of every sandbox. */
function processesWith(text: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const isIt = readFileSync(`/proc/${name}/cmdline`, "utf8").includes(text);
      return isIt && isAlive(Number(name)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** A script that starts a process in a session of its own, deaf to SIGTERM, and waits. Its processes show `tag`. */
function stubborn(tag: string): string {
  const deaf = `trap "" TERM; while :; do sleep 0.05; : ${tag}; done`;
  return `setsid sh -c '${deaf}' ${tag} & sh -c '${deaf}' ${tag} & echo ready; wait`;
}

let tags = 0;
const freshTag = () => `hostile-${process.pid}-${++tags}`;

describe.each(levels)("the end of a program in the sandbox %s", (sandbox) => {
  it("is its own after SIGTERM: it has time to finish", async () => {
    const script = `trap 'echo finished >> out; exit 3' TERM; echo ready; while :; do sleep 0.01; done`;
    const { group, stdout, closed, folder, records } = await launched(
      { command: ["sh", "-c", script] },
      { sandbox },
    );
    const reader = stdout.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("ready\n");
    await reader.cancel();
    expect(readdirSync(records)).toEqual(["it.json"]);
    await group.stop();
    expect(await closed).toEqual({ code: 3, signal: null });
    expect(readFileSync(join(folder, "out"), "utf8")).toBe("finished\n");
    expect(readdirSync(records)).toEqual([]);
  });

  // T148
  it("leaves nothing, also of what is deaf to SIGTERM and has left the group", async () => {
    const tag = freshTag();
    const { group, stdout } = await launched(
      { command: ["sh", "-c", stubborn(tag)] },
      { sandbox, grace: 100 },
    );
    const reader = stdout.getReader();
    await reader.read();
    await reader.cancel();
    await eventually(() => processesWith(tag).length >= 3);
    await group.stop();
    expect(processesWith(tag)).toEqual([]);
  });

  it("leaves nothing when the program ends by itself and its rest does not", async () => {
    const tag = freshTag();
    const script = stubborn(tag).replace("wait", "exit 0");
    const { closed, stdout } = await launched({ command: ["sh", "-c", script] }, { sandbox });
    await stdout.getReader().read();
    expect(await closed).toEqual({ code: 0, signal: null });
    expect(processesWith(tag)).toEqual([]);
  });

  // Failure mode 113
  it("comes after a kill -9 of mcpctl, by the next sweep at the latest", async () => {
    const base = temporaryFolder();
    const tag = freshTag();
    const owner = Bun.spawn([process.execPath, ownerPath, base, sandbox, stubborn(tag)], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    onTestFinished(() => owner.kill("SIGKILL"));
    await pidsIn(join(base, "owner"), 1);
    const records = join(base, "records");
    await eventually(() => processesWith(tag).length >= 4);
    // Another mcpctl that still runs keeps its programs.
    expect(await sweepLaunches(records, {})).toEqual([]);
    expect(processesWith(tag).filter((pid) => pid !== owner.pid).length).toBeGreaterThanOrEqual(3);
    owner.kill("SIGKILL");
    await owner.exited;
    expect(await sweepLaunches(records, {})).toEqual([]);
    expect(processesWith(tag)).toEqual([]);
    expect(readdirSync(records)).toEqual([]);
  });
});

describe.skipIf(!levels.includes("bwrap"))("kill -9 of mcpctl", () => {
  it("ends programs in bubblewrap at once, without a sweep", async () => {
    const base = temporaryFolder();
    const tag = freshTag();
    const owner = Bun.spawn([process.execPath, ownerPath, base, "bwrap", stubborn(tag)], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    onTestFinished(() => owner.kill("SIGKILL"));
    await eventually(() => processesWith(tag).length >= 4);
    owner.kill("SIGKILL");
    await eventually(() => processesWith(tag).length === 0);
  });
});

describe("a start", () => {
  it("is recorded where only the user of mcpctl can read it", async () => {
    const { records } = await launched({ command: ["sleep", "60"] });
    expect(statSync(join(records, "it.json")).mode & 0o777).toBe(0o600);
    expect(statSync(records).mode & 0o777).toBe(0o700);
  });

  it("that fails leaves no record, and an error that names the program", async () => {
    const folder = temporaryFolder();
    const launch: Launch = {
      ...{ argv: ["/no/such/program"], env: {}, cwd: folder, hasMonitor: false },
      ...{ name: "files", level: "none", isIsolated: false, notes: [], limits: {} },
    };
    const start = () => startLaunch(launch, { records: folder, id: "a", onStderr() {} });
    expect(start).toThrow("files cannot be started (ENOENT)");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a sweep", () => {
  it("does nothing where there are no records, and removes files that are none", async () => {
    const folder = temporaryFolder();
    expect(await sweepLaunches(join(folder, "none"), {})).toEqual([]);
    writeFileSync(join(folder, "a.json"), '{"marker":"x"');
    writeFileSync(join(folder, "notes.txt"), "mine");
    expect(await sweepLaunches(folder, {})).toEqual([]);
    expect(readdirSync(folder)).toEqual(["notes.txt"]);
  });

  it("ends no process without the marker of the record", async () => {
    const folder = temporaryFolder();
    const other = stranger({ MCPCTL_PROGRAM: crypto.randomUUID() });
    mkdirSync(folder, { recursive: true });
    const record = { marker: crypto.randomUUID(), owner: { pid: 2 ** 22 + 1 }, leader: other };
    writeFileSync(join(folder, "a.json"), JSON.stringify(record));
    expect(await sweepLaunches(folder, {})).toEqual([]);
    expect(isAlive(other.pid)).toBe(true);
    expect(existsSync(join(folder, "a.json"))).toBe(false);
  });
});
