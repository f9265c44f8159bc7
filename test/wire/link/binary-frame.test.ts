import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeBytes, encodeBytes } from "../../../src/wire/link/binary-frame.ts";

it("decodeBytes returns the channel and the bytes that encodeBytes was given", () => {
  const numbers = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(numbers, fc.uint8Array({ maxLength: 300 }), (channel, bytes) => {
      expect(decodeBytes(encodeBytes(channel, bytes))).toEqual({ channel, bytes });
    }),
  );
});

it("encodeBytes writes the channel first, big-endian", () => {
  expect([...encodeBytes(0x01020304, Buffer.from("a"))]).toEqual([1, 2, 3, 4, 97]);
});

it("decodeBytes returns undefined for a frame that is too short", () => {
  expect(decodeBytes(new Uint8Array(3))).toBeUndefined();
});
