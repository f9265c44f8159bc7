import { expect, it, vi } from "vitest";
import { maxMessageBytes, stdioWire } from "../../../src/mcp/upstream/stdio.ts";
import { passes } from "../../support/passes.ts";

function open(output: (controller: ReadableStreamDefaultController<Uint8Array>) => void) {
  const written: string[] = [];
  const events = { onNotification: vi.fn(), onClose: vi.fn(), onNoise: vi.fn() };
  const stop = vi.fn(async () => undefined);
  const stdout = new ReadableStream<Uint8Array>({ start: output });
  const wire = stdioWire({ stdout, write: async (text) => void written.push(text), stop }, events);
  return { wire, written, events, stop };
}

const notification = { jsonrpc: "2.0", method: "notifications/message", params: { data: "größer 漢字 🚀" } };

it("reads messages that are cut anywhere, with LF and CRLF", async () => {
  const bytes = new TextEncoder().encode(
    `${JSON.stringify(notification)}\n\n${JSON.stringify(notification)}\r\n`,
  );
  const { events } = open((controller) => {
    for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
    controller.close();
  });
  await passes(() => expect(events.onClose).toHaveBeenCalled());
  expect(events.onNotification.mock.calls).toEqual([[notification], [notification]]);
  expect(events.onNoise).not.toHaveBeenCalled();
});

it("passes over lines that are no messages, and reports the beginning of each", async () => {
  const { events } = open((controller) => {
    const noise = ["listening on port 3000", '{"level":"info"}', "x".repeat(2000)];
    controller.enqueue(new TextEncoder().encode([...noise, JSON.stringify(notification), ""].join("\n")));
    controller.close();
  });
  await passes(() => expect(events.onClose).toHaveBeenCalled());
  expect(events.onNotification).toHaveBeenCalledTimes(1);
  expect(events.onNoise.mock.calls.map(([text]) => text.length)).toEqual([22, 16, 500]);
});

it("ends a server whose message is longer than 10 MB", async () => {
  const { events, stop } = open((controller) => {
    for (let sent = 0; sent <= maxMessageBytes; sent += 1024 * 1024)
      controller.enqueue(new Uint8Array(1024 * 1024).fill(97));
  });
  await passes(() => expect(stop).toHaveBeenCalled());
  expect(events.onClose.mock.calls[0]![0].message).toBe("the server sent a message of more than 10 MB");
});

it("writes one message a line", async () => {
  const { wire, written } = open(() => undefined);
  await wire.notify("notifications/initialized");
  await wire.notify("x", { text: "two\nlines" });
  expect(written.map((text) => text.split("\n").length)).toEqual([2, 2]);
});

it("reads a long message that comes in many pieces, and takes one that is nested too deeply for noise", async () => {
  const long = { ...notification, params: { data: 'a "quoted" line\n'.repeat(20_000) } };
  const deep = `{"jsonrpc":"2.0","method":"deep","params":{"data":${"[".repeat(5000)}${"]".repeat(5000)}}}`;
  const bytes = Buffer.from(`${JSON.stringify(long)}\n${deep}\n${JSON.stringify(notification)}\n`);
  const { events } = open((controller) => {
    for (let at = 0; at < bytes.length; at += 1000) controller.enqueue(bytes.subarray(at, at + 1000));
    controller.close();
  });
  await passes(() => expect(events.onClose).toHaveBeenCalled());
  expect(events.onNotification.mock.calls).toEqual([[long], [notification]]);
  expect(events.onNoise).toHaveBeenCalledTimes(1);
});
