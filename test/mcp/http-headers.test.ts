import { expect, it } from "vitest";
import { headersOf, headerText, textOfHeader } from "../../src/mcp/http-headers.ts";

const modern = { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } };

it("repeats the method and name of a modern request in headers", () => {
  const message = (method: string, params: object) =>
    ({ jsonrpc: "2.0", id: 1, method, params: { ...params, ...modern } }) as never;
  expect(headersOf(message("tools/call", { name: "größe" }))).toEqual({
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "=?base64?Z3LDtsOfZQ==?=",
  });
  expect(headersOf(message("resources/read", { uri: "file:///a" }))["mcp-name"]).toBe("file:///a");
  expect(headersOf(message("tools/list", { name: "x" }))["mcp-name"]).toBeUndefined();
});

it("adds no headers to messages of legacy revisions and to responses", () => {
  expect(headersOf({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x" } })).toEqual({});
  expect(headersOf({ jsonrpc: "2.0", id: 1, result: {} })).toEqual({});
});

it.each(["plain", "", " leading", "trailing ", "a b", "new\nline", "漢字", "=?base64?eA==?="])(
  "brings %j through a header",
  (text) => {
    const header = headerText(text);
    expect(header).toMatch(/^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/);
    expect(textOfHeader(header)).toBe(text);
  },
);

it("does not take another encoding for the same text", () => {
  expect(textOfHeader("=?base64?eA=?=")).toBeUndefined();
  expect(textOfHeader("=?base64?e A==?=")).toBeUndefined();
});
