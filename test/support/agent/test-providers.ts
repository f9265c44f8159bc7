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

/** Of a caller who never gives up. */
export const patient = new AbortController().signal;
/** A request that any provider takes. */
export const body = JSON.stringify({ model: "qwen", messages: [{ role: "user", content: "hi" }] });

/** Providers, in a time of the test's own; they are gone when it is over. */
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

/** A published provider called `local` whose model is `qwen`. */
export function providerConfig(runtime: { url: string }, more: Partial<ProviderConfig> = {}): ProviderConfig {
  return { name: "local", type: "openai", model: "qwen", url: runtime.url, publish: true, ...more };
}

/** A runtime that says what was done to it, in place of a vLLM of the agent's. */
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
