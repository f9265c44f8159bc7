import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ProviderConfig } from "../../../src/agent/core/config.ts";
import type { Runtime } from "../../../src/agent/core/provider.ts";
import { createProviders, type ProvidersDeps } from "../../../src/agent/providers/providers.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { FakeClock } from "./fake-clock.ts";
import { memoryLog } from "./memory-log.ts";

/** The signal of a caller that never gives up. */
export const patient = new AbortController().signal;
/** A request that every provider takes. */
export const body = JSON.stringify({ model: "qwen", messages: [{ role: "user", content: "hi" }] });

/** Creates providers with a fake clock. They are closed when the test is over. */
export async function testProviders(configs: ProviderConfig[], more: Partial<ProvidersDeps> = {}) {
  const outbound = createOutbound();
  const time = new FakeClock();
  const log = memoryLog();
  const home = mkdtempSync(join(tmpdir(), "mcpctl-providers-"));
  const providers = createProviders({ outbound, env: {}, cwd: home, home, log, time, ...more });
  const changes: string[] = [];
  providers.onChange((change) => void changes.push(change));
  onTestFinished(async () => {
    await providers.close();
    outbound.close();
  });
  await providers.apply({ providers: configs, agents: [] });
  return { providers, time, log, home, changes };
}

/** Returns the config of a published provider `local` with the model `qwen`. */
export function providerConfig(runtime: { url: string }, more: Partial<ProviderConfig> = {}): ProviderConfig {
  return { name: "local", type: "openai", model: "qwen", url: runtime.url, publish: true, ...more };
}

/** Returns a runtime that records its calls, in place of a managed vLLM. */
export function recordingRuntime(url: string, done: string[]): Runtime {
  return {
    url,
    state: "active",
    onChange: () => () => {},
    start: async () => void done.push(`start ${url}`),
    wake: async () => {},
    stop: async () => void done.push("stop"),
    enter: () => () => {},
    describe: () => ({ state: "active", detail: null, pid: 7, resident: true }),
    close: async () => void done.push(`close ${url}`),
  };
}
