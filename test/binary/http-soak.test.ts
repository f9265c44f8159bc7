import { expect, it } from "vitest";
import { soakHttp } from "../../bench/soak-http.ts";
// Refuses a file that is older than the sources.
import "../support/binary.ts";

it.each([1, 3])(
  "right and broken requests are read as nginx reads them, wherever they are cut, and each connection ends (T97, T306, T307, failure mode 297), with %i workers",
  async (workers) => {
    const seed = Date.now() % 1_000_000;
    const { cases, statuses, wrong } = await soakHttp(
      { seconds: 4, seed, env: { MCPCTL_WORKERS: String(workers) } },
      () => {},
    );
    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    expect(cases).toBeGreaterThan(20);
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(["200", "400", "401"]));
  },
);
