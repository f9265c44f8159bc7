import { describe, expect, it, vi } from "vitest";
import { stdioWire } from "../../../src/mcp/upstream/stdio.ts";
import { unreadAnswer } from "../../../src/mcp/upstream/unread-answer.ts";
import { passes } from "../../support/passes.ts";

/** More escapes than are read. */
const tooMany = '\\"'.repeat(1_100_000);

describe("a response that cannot be read", () => {
  it.each([
    ["with its id first", `{"jsonrpc":"2.0","id":7,"result":{"content":[{"text":"${tooMany}"}]}}`, /escapes/],
    ["with its id last", `{"result":{"text":"${tooMany}"},"jsonrpc":"2.0","id":7}`, /escapes/],
    ["with spaces", `{ "id": 7, "result": {"text": "cut off`, /is not/],
    ["an error", '{"id":7,"error":{"code":1,}}', /is not/],
    [
      "behind other text (T264)",
      'debug: done {"jsonrpc":"2.0","id":7,"result":{}}',
      /other text stands before it/,
    ],
  ])("is found: %s", (_, text, reason) => {
    expect(unreadAnswer(text)).toEqual({
      id: 7,
      failure: expect.objectContaining({ kind: "malformed", message: expect.stringMatching(reason) }),
    });
  });

  it.each([
    "listening on port 3000",
    '{"level":"info","id":7}x',
    'got {"jsonrpc":"2.0","id":7,"method":"tools/call"}',
    '{"id":7,"method":"ping",}',
    `{"params":{"text":"${tooMany}"}}`,
  ])("is not: %.40s", (text) => {
    expect(unreadAnswer(text)).toBeUndefined();
  });

  // Failure mode 193
  it("ends its call at once, and no other one", async () => {
    const written: string[] = [];
    let output!: ReadableStreamDefaultController<Uint8Array>;
    const stdout = new ReadableStream<Uint8Array>({
      start(controller) {
        output = controller;
      },
    });
    const events = { onNotification: vi.fn(), onClose: vi.fn(), onNoise: vi.fn() };
    const process = { stdout, write: async (text: string) => void written.push(text), stop: async () => {} };
    const wire = stdioWire(process, events);
    const [first, second] = ["a", "b"].map((name) =>
      wire.exchange("tools/call", { name }, { timeout: 60_000 }).catch((error) => error),
    );
    await passes(() => expect(written).toHaveLength(2));
    const [one, two] = written.map((text) => JSON.parse(text).id);
    const send = (text: string) => output.enqueue(new TextEncoder().encode(`${text}\n`));
    send(`{"jsonrpc":"2.0","id":${one},"result":{"text":"${tooMany}"}}`);
    expect(await first).toMatchObject({ kind: "malformed", message: expect.stringContaining("escapes") });
    send(`{"jsonrpc":"2.0","id":99,"result":{"text":"${tooMany}"}}`);
    send(`{"jsonrpc":"2.0","id":${two},"result":{"ok":true}}`);
    expect(await second).toEqual({ ok: true });
    // It answers nothing that was asked.
    expect(events.onNoise).toHaveBeenCalledTimes(1);
    expect(events.onClose).not.toHaveBeenCalled();
    output.close();
  });
});
