import { expect, it } from "vitest";
import { soakAudit } from "../../bench/soak-audit.ts";
// Refuses a file that is older than the sources.
import "../support/binary.ts";

it.each([1, 3])(
  "has the audit row of each answer that a client has received whole, also when it is killed with -9 (T348), with %i workers",
  async (workers) => {
    const said: string[] = [];
    const { whole, rows, kills, lost } = await soakAudit(
      { rounds: 1, calls: 300, clients: 8, seed: 7, env: { MCPCTL_WORKERS: String(workers) } },
      (line) => said.push(line),
    );
    expect(said).toHaveLength(1);
    expect({ kills, lost }).toEqual({ kills: 1, lost: [] });
    expect(whole).toBeGreaterThanOrEqual(300);
    // No answer came from nowhere, and no more was on record than was asked.
    expect(rows).toBeGreaterThanOrEqual(whole);
    expect(rows).toBeLessThanOrEqual(whole + 8);
  },
);
