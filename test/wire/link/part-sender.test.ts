import { expect, it } from "vitest";
import { decodeBytes } from "../../../src/wire/link/binary-frame.ts";
import { partBytes } from "../../../src/wire/link/constants.ts";
import { PartSender, type PartSource } from "../../../src/wire/link/part-sender.ts";

/** Starts a sender with room for a number of frames. */
function startSender(room: number) {
  const own = { room };
  const frames: { channel: number; length: number }[] = [];
  const window = {
    get hasRoom() {
      return own.room > 0;
    },
    sent: () => void own.room--,
  };
  const sender = new PartSender({
    window,
    send(frame) {
      const { channel, bytes } = decodeBytes(frame)!;
      frames.push({ channel, length: bytes.length });
    },
  });
  const source = (channel: number, bytes: number): PartSource => {
    let left = bytes;
    return {
      channel,
      take(most) {
        if (left === 0) return undefined;
        const part = new Uint8Array(Math.min(most, left));
        left -= part.length;
        return part;
      },
    };
  };
  return { own, sender, frames, source };
}

it("parts of several bodies take turns, and a small one does not wait for a large one (failure mode 91)", () => {
  const { own, sender, frames, source } = startSender(2);
  sender.add(source(1, 100 * partBytes));
  sender.add(source(2, 10));
  expect(frames.map(({ channel }) => channel)).toEqual([1, 1]);
  own.room = 3;
  sender.pump();
  expect(frames.slice(2)).toEqual([
    { channel: 1, length: partBytes },
    { channel: 2, length: 10 },
    { channel: 1, length: partBytes },
  ]);
});

it("a body that is given up sends nothing more, and the others go on", () => {
  const { own, sender, frames, source } = startSender(1);
  const first = source(1, 3 * partBytes);
  sender.add(first);
  sender.add(source(2, 2 * partBytes));
  sender.remove(first);
  own.room = 100;
  sender.pump();
  expect(frames.map(({ channel }) => channel)).toEqual([1, 2, 2]);
});

it("a source that gets more bytes while it is asked for some is asked again", () => {
  const { sender, frames } = startSender(100);
  let waiting = 1;
  const growing: PartSource = {
    channel: 5,
    take() {
      if (waiting === 0) return undefined;
      waiting--;
      if (frames.length < 3) {
        waiting++;
        sender.add(growing);
      }
      return new Uint8Array(1);
    },
  };
  sender.add(growing);
  expect(frames).toHaveLength(4);
});
