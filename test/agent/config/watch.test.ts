import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readAgentConfig, watchAgentConfig } from "../../../src/agent/config/watch.ts";
import type { AgentConfig } from "../../../src/agent/core/config.ts";
import { systemTime, type Time } from "../../../src/time.ts";
import { eventually } from "../../support/agent/fake-clock.ts";
import { memoryLog } from "../../support/agent/memory-log.ts";

const provider = (name: string) => ({ name, type: "ollama", model: "qwen3" });
const text = (...names: string[]) => JSON.stringify({ llm: { providers: names.map(provider) } });

/** Watches a config and keeps what it reports. */
function watched(before: string) {
  const home = mkdtempSync(join(tmpdir(), "mcpctl-watch-"));
  const path = join(home, "config.json");
  writeFileSync(path, before, { mode: 0o600 });
  const place = { file: "config.json", home, userHome: home };
  const log = memoryLog();
  const seen: string[][] = [];
  let reads = 0;
  const time: Time = {
    ...systemTime,
    after: (milliseconds, act) =>
      systemTime.after(milliseconds, () => {
        reads++;
        act();
      }),
  };
  const onConfig = ({ providers }: AgentConfig) => void seen.push(providers.map(({ name }) => name));
  const stop = watchAgentConfig(readAgentConfig(path, place), { path, place, log, time, onConfig });
  onTestFinished(() => {
    stop();
    rmSync(home, { recursive: true });
  });
  return { home, path, log, seen, stop, reads: () => reads };
}

describe("a watched config", () => {
  it("is applied when the file is overwritten, and when an editor replaces it", async () => {
    const { path, seen } = watched(text("a"));
    writeFileSync(path, text("a", "b"));
    await eventually(() => seen.length === 1);
    for (const names of [["c"], ["d"]]) {
      writeFileSync(`${path}.swp`, text(...names), { mode: 0o600 });
      renameSync(`${path}.swp`, path);
      await eventually(() => seen.at(-1)![0] === names[0]);
    }
    expect(seen).toEqual([["a", "b"], ["c"], ["d"]]);
  });

  it("is read once for all the steps of an editor", async () => {
    const { path, seen, reads } = watched(text("a"));
    await eventually(() => reads() === 1);
    for (const name of ["b", "c", "d"]) writeFileSync(path, text(name));
    await eventually(() => seen.length > 0);
    expect(seen).toEqual([["d"]]);
    expect(reads()).toBe(2);
  });

  it("stays in force while the file has faults, which the log names", async () => {
    const { path, log, seen } = watched(text("a"));
    writeFileSync(path, '{"llm": {"providers": [{"name": "a", "type": "ollama", "modl": "m"}]}}');
    await eventually(() => log.lines.some((line) => line.startsWith("warn")));
    expect(log.lines).toEqual([
      "error: config.json:1: llm.providers[0].model: is required",
      'error: config.json:1: llm.providers[0].modl: unknown field; did you mean "model"?',
      "warn: config.json is ignored until its faults are corrected; the last valid config stays in force",
    ]);
    expect(seen).toEqual([]);
    writeFileSync(path, text("b"));
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([["b"]]);
  });

  it("does not change with the command line's part of the file, or with other files", async () => {
    const { home, path, seen, reads } = watched(text("a"));
    await eventually(() => reads() === 1);
    writeFileSync(join(home, "credentials.json"), "{}");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(text("a")), currentContext: "home" }));
    await eventually(() => reads() === 2);
    expect(seen).toEqual([]);
  });

  it("becomes empty when the file is removed", async () => {
    const { path, seen } = watched(text("a"));
    rmSync(path);
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([[]]);
  });
});
