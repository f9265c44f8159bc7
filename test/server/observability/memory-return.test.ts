import { expect, it } from "vitest";
import { MemoryReturn } from "../../../src/server/observability/memory-return.ts";

const megabyte = 1024 * 1024;

/** A process whose memory the test sets. A collection takes 20 ms, and leaves so many bytes. */
function scripted() {
  const state = { bytes: 100 * megabyte, left: 110 * megabyte, now: 0, collections: 0 };
  const memory = new MemoryReturn({
    resident: () => state.bytes,
    collect() {
      state.collections++;
      state.now += 20;
      state.bytes = state.left;
    },
    now: () => state.now,
  });
  return { state, memory };
}

it("memory is collected when the process has grown by 128 MB since the last time, and not before (T228)", () => {
  const { state, memory } = scripted();
  state.bytes = 227 * megabyte;
  memory.look();
  expect(state.collections).toBe(0);
  state.bytes = 228 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
  state.now += 10_000;
  state.bytes = 237 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
});

it("a process that has shrunk by itself is measured from there", () => {
  const { state, memory } = scripted();
  state.bytes = 50 * megabyte;
  memory.look();
  state.bytes = 179 * megabyte;
  memory.look();
  expect(state.collections).toBe(1);
});

it("collections take at most a fiftieth of the time, also where nothing is given back", () => {
  const { state, memory } = scripted();
  for (let look = 0; look < 40; look++) {
    state.bytes += 200 * megabyte;
    state.left = state.bytes;
    memory.look();
    state.now += 500;
  }
  // One in each second.
  expect(state.collections).toBe(20);
});
