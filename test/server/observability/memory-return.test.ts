import { expect, it } from "vitest";
import { MemoryReturn } from "../../../src/server/observability/memory-return.ts";

const megabyte = 1024 * 1024;

/** A process whose memory the test sets. A collection takes 20 ms, and leaves so many bytes. */
function scripted() {
  const state = { bytes: 100 * megabyte, left: 105 * megabyte, now: 0, collections: 0, begun: 0 };
  const memory = new MemoryReturn({
    resident: () => state.bytes,
    collect() {
      state.collections++;
      state.now += 20;
      state.bytes = state.left;
    },
    beginCollection: () => void state.begun++,
    now: () => state.now,
  });
  return { state, memory };
}

it("memory is collected when the process has grown by 64 MB since the last time, and not before (T228)", () => {
  const { state, memory } = scripted();
  state.bytes = 163 * megabyte;
  memory.look();
  expect(state.collections).toBe(0);
  state.bytes = 164 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
  state.now += 1000;
  state.bytes = 168 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
});

it("what stays after a flood is collected beside the calls after ten seconds, from 16 MB on (T228)", () => {
  const { state, memory } = scripted();
  state.bytes = 164 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
  state.bytes = 121 * megabyte;
  state.now += 9_000;
  memory.look();
  expect(state.collections).toBe(1);
  expect(state.begun).toBe(0);
  state.now += 1_000;
  memory.look();
  expect(state.begun).toBe(1);
  state.bytes = 110 * megabyte;
  state.now += 60_000;
  memory.look();
  // 15 MB more than what the last one has left.
  state.bytes = 125 * megabyte;
  memory.look();
  expect(state).toMatchObject({ begun: 1, collections: 1 });
});

it("a process that has shrunk by itself is measured from there", () => {
  const { state, memory } = scripted();
  state.bytes = 50 * megabyte;
  memory.look();
  state.bytes = 115 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
});

it("collections take at most a fiftieth of the time where nothing is given back", () => {
  const { state, memory } = scripted();
  for (let look = 0; look < 400; look++) {
    state.bytes += 20 * megabyte;
    state.left = state.bytes;
    memory.look();
    state.now += 50;
  }
  // One in each second.
  expect(state.collections).toBe(20);
});

it("collections that give memory back take up to a fifth of the time, so that each has little to give back (T228)", () => {
  const { state, memory } = scripted();
  state.left = 100 * megabyte;
  let most = 0;
  for (let look = 0; look < 400; look++) {
    // As a flood of large bodies that leaves 400 MB a second.
    state.bytes += 20 * megabyte;
    most = Math.max(most, state.bytes);
    memory.look();
    state.now += 50;
  }
  expect(most).toBeLessThanOrEqual(200 * megabyte);
  expect(state.collections).toBeGreaterThan(80);
});
