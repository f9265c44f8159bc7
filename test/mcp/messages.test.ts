import { describe, expect, it } from "vitest";
import { asMessage, isRequest, isResponse } from "../../src/mcp/messages.ts";

describe("asMessage", () => {
  it.each([
    { jsonrpc: "2.0", id: 1, method: "ping" },
    { jsonrpc: "2.0", id: "a", method: "tools/call", params: { name: "x" }, extra: true },
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", id: 1, result: {} },
    { jsonrpc: "2.0", id: null, error: { code: -32700, message: "no JSON" } },
  ])("returns %j as it is", (message) => {
    expect(asMessage(message)).toBe(message);
  });

  it.each([
    null,
    [],
    "text",
    { id: 1, method: "ping" },
    { jsonrpc: "1.0", id: 1, method: "ping" },
    { jsonrpc: "2.0", id: 1.5, method: "ping" },
    { jsonrpc: "2.0", id: {}, method: "ping" },
    { jsonrpc: "2.0", id: 1, method: "ping", params: [] },
    { jsonrpc: "2.0", id: 1, result: [] },
    { jsonrpc: "2.0", id: null, result: {} },
    { jsonrpc: "2.0", id: 1, error: { message: "without a code" } },
    { jsonrpc: "2.0", id: 1 },
  ])("refuses %j", (value) => {
    expect(asMessage(value)).toBeUndefined();
  });

  it("tells requests, notifications and responses apart", () => {
    const request = asMessage({ jsonrpc: "2.0", id: 0, method: "ping" })!;
    const notification = asMessage({ jsonrpc: "2.0", method: "ping" })!;
    const response = asMessage({ jsonrpc: "2.0", id: 0, result: {} })!;
    expect([request, notification, response].map(isRequest)).toEqual([true, false, false]);
    expect([request, notification, response].map(isResponse)).toEqual([false, false, true]);
  });
});
