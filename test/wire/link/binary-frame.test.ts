import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeBytes, encodeBytes } from "../../../src/wire/link/binary-frame.ts";

it("a channel and the bytes behind it come out as they went in, whatever they are", () => {
  const numbers = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(numbers, fc.uint8Array({ maxLength: 300 }), (channel, bytes) => {
      expect(decodeBytes(encodeBytes(channel, bytes))).toEqual({ channel, bytes });
    }),
  );
});

it("the channel stands first, its big end before", () => {
  expect([...encodeBytes(0x01020304, Buffer.from("a"))]).toEqual([1, 2, 3, 4, 97]);
});

it("what is too short to hold a channel is no frame", () => {
  expect(decodeBytes(new Uint8Array(3))).toBeUndefined();
});
