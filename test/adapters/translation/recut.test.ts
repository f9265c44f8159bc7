import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { passthroughPipe } from "../../../src/adapters/passthrough/index.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import type { StreamPipe } from "../../../src/adapters/types.ts";
import { bytesOf, cutAt, fixedId, recorded, recordings, through } from "./streams.ts";

const pipes: [name: string, provider: "openai" | "anthropic", make: () => StreamPipe][] = [
  ["chat, passed through", "openai", () => passthroughPipe("chat", { stripUsage: false })],
  ["chat, without its usage frame", "openai", () => passthroughPipe("chat", { stripUsage: true })],
  ["messages, passed through", "anthropic", () => passthroughPipe("messages", { stripUsage: false })],
  [
    "chat to messages",
    "openai",
    () => translationFor("messages", "chat", Date.now, fixedId)!.stream("mine", {}),
  ],
  [
    "messages to chat",
    "anthropic",
    () => translationFor("chat", "messages", () => 0, fixedId)!.stream("mine", {}),
  ],
];

/** Returns every place at which bytes can be cut. */
const placesIn = (bytes: Uint8Array) => Array.from({ length: bytes.length }, (_, place) => place);

const cases = pipes.flatMap(([name, provider, make]) =>
  recordings(provider).map((recording) => ({ name, recording, make })),
);

describe.each(cases)("$recording, $name", ({ recording, make }) => {
  const bytes = recorded(recording);
  const whole = through(make(), [bytes]);

  it("is the same cut at every byte (cases 62, 63)", () => {
    const unlike = placesIn(bytes).filter((place) => {
      return !isDeepStrictEqual(through(make(), cutAt(bytes, [place])), whole);
    });
    expect(unlike).toEqual([]);
  });

  it("is the same byte by byte", () => {
    expect(
      through(
        make(),
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(whole);
  });

  it("is the same cut at random", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 40 }), (places) => {
        expect(through(make(), cutAt(bytes, places))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it.each(["\r\n", "\r"])("is the same with lines that end in %j (case 61)", (lineEnd) => {
    const text = Buffer.from(bytes).toString().replaceAll("\n", lineEnd);
    const outcome = through(
      make(),
      Array.from(bytesOf(text), (byte) => Uint8Array.of(byte)),
    );
    expect({ ...outcome, text: outcome.text.replaceAll(lineEnd, "\n") }).toEqual(whole);
  });

  it("is not whole when it breaks off before its finish (case 60)", () => {
    const finish = Buffer.from(bytes)
      .toString("latin1")
      .search(/"finish_reason": ?"|"delta":\{"stop_reason":/);
    const taken = placesIn(bytes.subarray(0, finish === -1 ? bytes.length : finish)).filter((place) => {
      const { finished, done, text } = through(make(), [bytes.subarray(0, place)]);
      return finished || done || /^data: \[DONE\]$|^event: message_stop$/m.test(text);
    });
    expect(taken).toEqual([]);
  });
});
