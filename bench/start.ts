import type { Installation } from "./mcpctl.ts";
import { costOf, type Processes, stop } from "./processes.ts";
import { median } from "./stats.ts";

/** Milliseconds and bytes, in the middle of all runs. */
export interface StartRow {
  ready: number;
  idleResident: number;
  getLlms: number;
}

/** Time that a server is left alone before its idle memory is read, in milliseconds. */
const rest = 2000;

/** Starts the server over a database that exists, again and again; the last one is left idle and then asked. */
export async function measureStart(
  processes: Processes,
  installation: Installation,
  { starts, calls }: { starts: number; calls: number },
): Promise<StartRow> {
  const ready: number[] = [];
  for (let i = 0; i < starts; i++) {
    const { port, command, env } = installation.startCommand();
    const started = performance.now();
    const child = processes.spawn("mcpctl", command, { env });
    await answers(`http://127.0.0.1:${port}/readyz`, () => child.exitCode === null);
    ready.push(performance.now() - started);
    await stop(child);
  }
  const server = await installation.start();
  await Bun.sleep(rest);
  const { resident } = costOf(server.pid);
  const getLlms: number[] = [];
  for (let i = 0; i < calls; i++) {
    const started = performance.now();
    await installation.run("get", "llms");
    getLlms.push(performance.now() - started);
  }
  await server.stop();
  return { ready: median(ready), idleResident: resident, getLlms: median(getLlms) };
}

/** Asks until there is a 200, at most every millisecond. */
async function answers(url: string, alive: () => boolean): Promise<void> {
  while (alive()) {
    const status = await fetch(url).then(
      async (response) => {
        await response.bytes();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    await Bun.sleep(1);
  }
  throw new Error("the server ended before it was ready");
}
