import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { WakeRecipe } from "../../../src/agent/core/config.ts";
import { ExternalRuntime } from "../../../src/agent/providers/external-runtime.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { systemTime, type Time } from "../../../src/time.ts";
import { memoryLog } from "./memory-log.ts";

/** The signal of a caller that never gives up. */
export const patient = new AbortController().signal;

/** A clock that runs ten times as fast as the system's. */
const tenfold: Time = {
  ...systemTime,
  elapsed: () => systemTime.elapsed() * 10,
  after: (milliseconds, act) => systemTime.after(milliseconds / 10, act),
};

export interface TestRuntimeOptions {
  url: string;
  wake: WakeRecipe;
  model?: string;
  type?: string;
  env?: Record<string, string>;
  time?: Time;
}

/** Creates the runtime of an external server, checked once. It is closed when the test is over. */
export async function testRuntime({
  url,
  wake,
  model = "qwen",
  type = "vllm",
  env,
  time,
}: TestRuntimeOptions) {
  const outbound = createOutbound();
  const log = memoryLog();
  const cwd = mkdtempSync(join(tmpdir(), "mcpctl-wake-"));
  const runtime = new ExternalRuntime(
    { name: "local", type, model, url, publish: true, wake },
    {
      outbound,
      apiKey: () => undefined,
      env: { PATH: process.env["PATH"]!, ...env },
      cwd,
      home: cwd,
      log,
      time: time ?? tenfold,
    },
  );
  onTestFinished(async () => {
    await runtime.close();
    outbound.close();
  });
  await runtime.start();
  return { runtime, log, cwd };
}
