import { afterEach, expect, it, vi } from "vitest";
import { Spool } from "../../../src/server/backups/spool.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

afterEach(() => void vi.restoreAllMocks());

/** Pieces as the listener makes them of a body that comes as fast as it is read. */
async function* upload(pieces: number) {
  for (let at = 0; at < pieces; at++) yield new Uint8Array(512 * 1024);
}

it("an upload that comes faster than its garbage can be collected waits for that (failure mode 286)", async () => {
  const collect = vi.spyOn(Bun, "gc");
  const spool = await Spool.write(upload(96), temporaryFolder());
  expect(spool.size).toBe(48 * 1024 * 1024);
  await spool.close();
  // Once for every 16 MB; without the wait only for the first.
  expect(collect.mock.calls.length).toBeGreaterThanOrEqual(3);
});
