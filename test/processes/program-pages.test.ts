import { readFileSync, readlinkSync } from "node:fs";
import { expect, it } from "vitest";
import { releaseProgramPages } from "../../src/processes/program-pages.ts";
import { startBinary } from "../support/binary.ts";

/** Returns the kilobytes of a program's own code that are resident in a process of it. */
function residentCode(pid: number | "self"): number {
  const program = readlinkSync(`/proc/${pid}/exe`);
  const mapping = readFileSync(`/proc/${pid}/smaps`, "utf8")
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .find((one) => / r-xp /.test(one) && one.split("\n")[0]!.endsWith(` ${program}`));
  return Number(/^Rss: +(\d+) kB$/m.exec(mapping!)![1]);
}

it.runIf(process.platform === "linux")(
  "gives back most of the resident code, and the program runs on",
  async () => {
    const before = residentCode("self");
    expect(await releaseProgramPages()).toBeGreaterThan(before * 1024);
    expect(residentCode("self")).toBeLessThan(before * 0.75);
    expect(JSON.parse(JSON.stringify({ sum: [1, 2, 3].reduce((sum, one) => sum + one) }))).toEqual({
      sum: 6,
    });
  },
);

it.runIf(process.platform === "linux")("a server gives back the code of its start", async () => {
  const server = await startBinary();
  const atStart = residentCode(server.pid);
  await expect.poll(() => residentCode(server.pid), { timeout: 60_000 }).toBeLessThan(atStart / 2);
  expect((await server.admin("GET", "/api/v1/llms")).status).toBe(200);
});
