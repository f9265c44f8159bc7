import { expect, it } from "vitest";
import { soundLength } from "../../../src/adapters/passthrough/sound-length.ts";

/** A WAV file of some seconds of 8 kHz mono, 8 bits, whose head states another number of bytes for a second. */
function wav(seconds: number, stated: number, before = Buffer.alloc(0)): Buffer {
  const format = Buffer.alloc(24);
  format.write("fmt ", "latin1");
  format.writeUInt32LE(16, 4);
  format.writeUInt16LE(1, 8);
  format.writeUInt16LE(1, 10);
  format.writeUInt32LE(8_000, 12);
  format.writeUInt32LE(stated, 16);
  format.writeUInt16LE(1, 20);
  format.writeUInt16LE(8, 22);
  const head = Buffer.from("RIFF\0\0\0\0WAVE", "latin1");
  return Buffer.concat([
    head,
    before,
    format,
    Buffer.from("data\0\0\0\0", "latin1"),
    Buffer.alloc(seconds * 8_000),
  ]);
}

/** Frames of mp3 of MPEG 2, layer III, 16 kHz: 36 ms each, of 8 kbit/s or of 160. */
function frames(count: number, kilobits: 8 | 160): Buffer {
  const bytes = kilobits === 8 ? 36 : 720;
  const frame = Buffer.alloc(bytes);
  frame.set([0xff, 0xf3, kilobits === 8 ? 0x18 : 0xe8, 0xc0]);
  return Buffer.concat(Array(count).fill(frame));
}

it.each([
  ["WAV", wav(60, 8_000), 60],
  ["WAV that states more bytes for a second than it has (T347)", wav(60, 2_000_000), 60],
  [
    "WAV with another chunk before its format",
    wav(60, 8_000, Buffer.from("JUNK\x04\0\0\0\xff\xff\xff\xff", "latin1")),
    60,
  ],
  ["mp3 of 8 kbit/s", frames(1000, 8), 36],
  [
    "mp3 that begins with frames of 160 kbit/s (T347)",
    Buffer.concat([frames(10, 160), frames(1000, 8)]),
    36.36,
  ],
  [
    "mp3 with bytes between its frames",
    Buffer.concat([frames(500, 8), Buffer.alloc(100, 1), frames(500, 8)]),
    36,
  ],
  [
    "mp3 behind a tag",
    Buffer.concat([Buffer.from("ID3\x03\0\0\0\0\x01\0", "latin1"), Buffer.alloc(128), frames(1000, 8)]),
    36,
  ],
])("the length of %s is that which a decoder finds", (_, sound, seconds) => {
  expect(soundLength(sound)).toBeCloseTo(seconds, 1);
});

it("the length of another file is an estimate from its size, also of one that is cut off", () => {
  expect(soundLength(Buffer.concat([Buffer.from("OggS"), Buffer.alloc(60_000 - 4)]))).toBe(10);
  expect(soundLength(Buffer.alloc(6_000))).toBe(1);
  for (const head of ["RIFF", "RIFF\0\0\0\0WAVEfmt ", "ID3", "ID3\x03\0\0\x7f\x7f\x7f\x7f", "\xff\xf3"])
    expect(soundLength(Buffer.from(head, "latin1")), head).toBeGreaterThanOrEqual(0);
  expect(soundLength(Buffer.alloc(0))).toBe(0);
});

it("the length of mp3 without frames, or with too many to look at, is that of 8 kbit/s", () => {
  const size = 4 * 1024 * 1024;
  const none = Buffer.concat([Buffer.from("ID3\x03\0\0\0\0\0\0", "latin1"), Buffer.alloc(size, 0xff)]);
  expect(soundLength(none)).toBeCloseTo(size / 1000, -2);
  const many = Buffer.concat([frames(400_001, 8), frames(100, 160)]);
  expect(soundLength(many)).toBeCloseTo(400_001 * 0.036 + (100 * 720) / 1000, 0);
});
