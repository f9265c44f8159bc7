import { afterAll, describe, expect, it } from "vitest";
import { familiesListeningOn, familyOf } from "../../bench/process-tree.ts";
import { costOfAll, freePort, Processes, withCost } from "../../bench/processes.ts";

const processes = new Processes();

let family: readonly number[] = [];

afterAll(() => {
  // The shell alone is known to the benchmark: what it has started would stay.
  for (const pid of family) process.kill(pid, "SIGKILL");
  processes.killAll();
});

/** A shell that stays, and that has started a server. */
async function startFamily(): Promise<{ shell: number; port: number }> {
  const port = freePort();
  const program = `${import.meta.dirname}/../../bench/upstream.ts`;
  const script = `"$0" "$1" '{"port":${port}}'; true`;
  const { pid } = await processes.startServer(
    "family",
    ["sh", "-c", script, process.execPath, program],
    port,
  );
  return { shell: pid, port };
}

describe.runIf(process.platform === "linux")("processes of a gateway", () => {
  it("are those that listen on its port, and all that a started one has started", async () => {
    const { shell, port } = await startFamily();
    family = familyOf(shell);
    expect(family).toHaveLength(2);
    expect(family[0]).toBe(shell);
    // The shell does not listen itself.
    expect(familiesListeningOn(port)).toEqual([family[1]]);
    expect(familiesListeningOn(freePort())).toEqual([]);
    expect(costOfAll(family).resident).toBeGreaterThan(costOfAll([shell]).resident);
  });

  it("cost what they use while some work is done", async () => {
    const { result, cost } = await withCost([process.pid], async () => {
      const until = process.cpuUsage().user + 50_000;
      while (process.cpuUsage().user < until);
      return "done";
    });
    expect(result).toBe("done");
    // The kernel counts in hundredths of a second.
    expect(cost.cpu).toBeGreaterThanOrEqual(0.03);
    expect(cost.resident).toBeGreaterThan(1e6);
  });
});
