import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createManagedVllm } from "../../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { createOutbound } from "../../../../src/net/outbound.ts";
import { processTable } from "../../../../src/processes/process-table.ts";
import { systemTime } from "../../../../src/time.ts";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { memoryLog } from "../../../support/agent/memory-log.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { vllmConfig } from "../../../support/vllm/fake-vllm.ts";

const command = process.env["MCPCTL_TEST_VLLM"];
const model = process.env["MCPCTL_TEST_VLLM_MODEL"];
const never = new AbortController().signal;

describe.skipIf(command === undefined || model === undefined)("a real vLLM (MCPCTL_TEST_VLLM)", () => {
  it("starts, responds, sleeps, wakes and stops, and leaves nothing behind", async () => {
    const home = temporaryFolder();
    const idle = new FakeClock();
    const log = memoryLog();
    const extraArgs = (process.env["MCPCTL_TEST_VLLM_ARGS"] ?? "").split(" ").filter(Boolean);
    const sleeps = extraArgs.includes("--enable-sleep-mode");
    const config = vllmConfig(
      { command: command!, extraArgs, idleTimeoutMinutes: 5, warmupSeconds: 600 },
      model,
    );
    const runtime = createManagedVllm(config, {
      ...{ home, env: process.env, send: createOutbound(), log },
      time: { ...systemTime, after: idle.after },
    });
    onTestFinished(() => runtime.close());
    await runtime.start();
    const waking = runtime.wake(never);
    waking.catch(() => {});
    const details = new Set<string>();
    const stop = setInterval(() => details.add(runtime.describe().detail?.replace(/,.*/, "") ?? ""), 100);
    await waking
      .finally(() => clearInterval(stop))
      .catch((thrown) => {
        throw new Error(log.lines.join("\n"), { cause: thrown });
      });
    expect([...details]).toContain("starting");

    const complete = async () => {
      const response = await fetch(`${runtime.url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model, prompt: "One, two,", max_tokens: 4 }),
      });
      expect(response.status).toBe(200);
      return (await response.json()) as { usage: { completion_tokens: number } };
    };
    expect((await complete()).usage.completion_tokens).toBeGreaterThan(0);
    const { marker } = JSON.parse(readFileSync(join(home, "vllm/vllm-local.json"), "utf8"));
    const marked = () => processTable().marked(marker);
    expect(marked().length).toBeGreaterThanOrEqual(1);

    if (sleeps) {
      idle.move(5 * 60_000);
      while (!runtime.describe().detail?.startsWith("asleep")) await Bun.sleep(50);
      await runtime.wake(never);
      expect((await complete()).usage.completion_tokens).toBeGreaterThan(0);
    }
    await runtime.stop();
    expect(marked()).toEqual([]);
  }, 900_000);
});
