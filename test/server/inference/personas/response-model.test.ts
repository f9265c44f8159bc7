import { expect, it, vi } from "vitest";
import { passthroughPipe } from "../../../../src/adapters/passthrough/index.ts";
import { withModelInFrames } from "../../../../src/server/inference/personas/response-model.ts";

/** Returns frames as a caller of the persona gets them. */
function shown(frames: string): string {
  const pipe = withModelInFrames(passthroughPipe("chat", { stripUsage: false }), "agent:helper");
  return Buffer.from(pipe.push(Buffer.from(frames)) as Uint8Array).toString();
}

it.each([
  ['data: {"id":"a","model":"up","x":1}\n\n', 'data: {"id":"a","model":"agent:helper","x":1}\n\n'],
  ['event: m\r\ndata:{"model" : "u\\"p"}\r\n\r\n', 'event: m\r\ndata:{"model" : "agent:helper"}\r\n\r\n'],
  ['data: {"model":null,"y":{"model":"up"}}\n\n', 'data: {"model":null,"y":{"model":"agent:helper"}}\n\n'],
])("the model of a frame is the name that the caller used: %j", (frame, expected) => {
  expect(shown(frame + frame)).toBe(expected + expected);
});

it.each([
  'data: {"delta":"the \\"model\\":\\"up\\" in a text"}\n\n',
  'event: "model":"up"\ndata: {}\n\n',
  ': "model":"up"\n\n',
  'data: {"model":5}\n\n',
])("nothing else of a frame changes: %j", (frame) => {
  expect(shown(frame)).toBe(frame);
});

it("only the first model of a frame changes, and a long frame is not decoded (T137)", () => {
  const long = `data: {"é":"${"x".repeat(2_000_000)}","model":"up","tools":[{"model":"other"}]}\n\n`;
  const decoding = vi.spyOn(Buffer.prototype, "toString");
  const pipe = withModelInFrames(passthroughPipe("chat", { stripUsage: false }), "agent:helper");
  const out = pipe.push(Buffer.from(long)) as Uint8Array;
  const decoded = decoding.mock.results.map(({ value }) => String(value).length);
  decoding.mockRestore();
  expect(Buffer.from(out).toString()).toBe(long.replace('"up"', '"agent:helper"'));
  expect(Math.max(0, ...decoded)).toBeLessThan(10_000);
});
