import { describe, expect, it } from "vitest";
import { parseMessages } from "../../../src/mcp/upstream/pending.ts";
import { serverMessage } from "../../../src/mcp/upstream/server-message.ts";

describe("a message of a server", () => {
  it.each([
    [
      { id: 1, result: {} },
      { jsonrpc: "2.0", id: 1, result: {} },
    ],
    [
      { jsonrpc: "2.0", id: 1, method: "roots/list", params: null },
      { jsonrpc: "2.0", id: 1, method: "roots/list" },
    ],
    [
      { jsonrpc: "2.0", id: 1, error: { code: -32000 } },
      { jsonrpc: "2.0", id: 1, error: { code: -32000, message: "the server gives no message" } },
    ],
    [
      { jsonrpc: "2.0", id: 1, error: { code: "E_FAIL", message: "no disk", data: 5 } },
      { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "no disk (E_FAIL)", data: 5 } },
    ],
    [
      { jsonrpc: "2.0", id: 1, result: null, error: "failed badly" },
      { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "failed badly" } },
    ],
    [
      { jsonrpc: "2.0", id: 1, result: [] },
      { jsonrpc: "2.0", id: 1, result: {} },
    ],
    [
      { jsonrpc: "2.0", id: 1, result: null },
      { jsonrpc: "2.0", id: 1, result: {} },
    ],
  ])("%j is read as %j", (given, read) => {
    expect(serverMessage(given)).toEqual(read);
  });

  it("is none without an id, a method, a result or an error, or in another version", () => {
    for (const one of [
      {},
      { id: 1 },
      { id: 1, result: 5 },
      { result: {} },
      { jsonrpc: "1.0", id: 1, result: {} },
      { level: "info", message: "x" },
      { method: "a", params: [1] },
      null,
      "x",
    ])
      expect(serverMessage(one)).toBeUndefined();
  });

  it("may begin with the mark of the byte order, and keeps the digits of long integers", () => {
    const [message] = parseMessages('\ufeff{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890}}')!;
    expect(JSON.stringify(message)).toBe('{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890}}');
  });
});
