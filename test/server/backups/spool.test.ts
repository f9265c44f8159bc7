import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { Spool, steady } from "../../../src/server/backups/spool.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

afterEach(() => void vi.restoreAllMocks());

/** Pieces as the listener makes them of a body that comes as fast as it is read. */
async function* upload(pieces: number) {
  for (let at = 0; at < pieces; at++) yield new Uint8Array(512 * 1024);
}

it("an upload that comes faster than its garbage can be collected waits for that (failure mode 286)", async () => {
  // The time of a real one depends on all else that this process has in use.
  const collect = vi.spyOn(Bun, "gc").mockImplementation(() => {
    const end = performance.now() + 10;
    while (performance.now() < end);
    return 0;
  });
  const spool = await Spool.write(upload(96), temporaryFolder());
  expect(spool.size).toBe(48 * 1024 * 1024);
  await spool.close();
  // Once for every 16 MB; without the wait only for the first.
  expect(collect.mock.calls.length).toBeGreaterThanOrEqual(3);
});

it("an upload whose pieces are written slowly is not taken for whole before its end", async () => {
  let length = 0;
  for await (const piece of steady(upload(3), 20)) {
    await Bun.sleep(60);
    length += piece.length;
  }
  expect(length).toBe(3 * 512 * 1024);
});

it("a server that starts takes no file away from another one that has just made it", async () => {
  const folder = temporaryFolder();
  const starts = setInterval(() => Spool.removeLeftovers(folder), 0);
  onTestFinished(() => clearInterval(starts));
  for (let round = 0; round < 100; round++) {
    const spool = await Spool.write(upload(1), folder);
    expect(spool.size).toBe(512 * 1024);
    await spool.close();
  }
});
