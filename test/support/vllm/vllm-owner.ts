import { appendFileSync, readFileSync } from "node:fs";
import { createManagedVllm } from "../../../src/agent/runtimes/vllm/managed-vllm.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { systemTime } from "../../../src/time.ts";

/**
 * A program that runs a vLLM like an agent: `bun vllm-owner.ts FILE`, with `{home, config}` as JSON in FILE. It wakes its
 * vLLM, writes `ready` to the end of FILE and runs on; SIGTERM closes it.
 */
const [file] = process.argv.slice(2) as [string];
const { home, config } = JSON.parse(readFileSync(file, "utf8").split("\n")[0]!);
const quiet = () => {};
const runtime = createManagedVllm(config, {
  home,
  env: process.env,
  send: createOutbound(),
  time: systemTime,
  log: { info: quiet, warn: quiet, error: quiet },
  timeouts: { poll: 10, grace: 20_000 },
});
process.once("SIGTERM", async () => {
  await runtime.close();
  appendFileSync(file, "closed\n");
  process.exit(0);
});
await runtime.start();
appendFileSync(file, "started\n");
await runtime.wake(new AbortController().signal).catch(() => {});
appendFileSync(file, "ready\n");
setInterval(quiet, 60_000);
