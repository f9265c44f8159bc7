import { classifyInboundRequest } from "@modelcontextprotocol/server";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classify } from "../../../../src/server/mcp/endpoint/classify.ts";

const key = (name: string) => `io.modelcontextprotocol/${name}`;
const odd = fc.constantFrom<unknown>(5, null, "x", [], {}, true);
const usually = (good: unknown, more: fc.Arbitrary<unknown> = odd) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: more });
const part = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });
const revision = fc.constantFrom("2026-07-28", "2025-11-25", "2025-06-18", "2027-01-01");
const capabilities = part({
  sampling: usually({}),
  elicitation: usually({ form: {} }, fc.constantFrom<unknown>({ url: 1 }, { form: true }, 3)),
  roots: usually({ listChanged: true }, fc.constantFrom<unknown>({ listChanged: "yes" }, 3)),
  unknown: odd,
});
const meta = fc.oneof(
  {
    weight: 5,
    arbitrary: part({
      [key("protocolVersion")]: fc.oneof({ weight: 4, arbitrary: revision }, { weight: 1, arbitrary: odd }),
      [key("clientCapabilities")]: fc.oneof(
        { weight: 6, arbitrary: capabilities },
        { weight: 1, arbitrary: odd },
      ),
      [key("clientInfo")]: usually({ name: "a", version: "1" }, fc.constantFrom<unknown>({ name: "a" }, 5)),
      [key("logLevel")]: usually("error", fc.constantFrom<unknown>("loud", 5)),
      other: odd,
    }),
  },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const method = fc.constantFrom("tools/list", "initialize", "ping", "notifications/cancelled");
const message = fc
  .record({ id: fc.constantFrom<unknown>(1, "a", undefined), method, meta })
  .map(({ id, method: name, meta: own }) => ({
    jsonrpc: "2.0",
    ...(id !== undefined && { id }),
    method: name,
    params: own === undefined ? {} : { _meta: own },
  }));
const response = fc.constantFrom<object>(
  { jsonrpc: "2.0", id: 1, result: {} },
  { jsonrpc: "2.0", id: 1, error: { code: 1, message: "x" } },
);
const noMessage = fc.constantFrom<unknown>(
  5,
  null,
  "x",
  {},
  { jsonrpc: "1.0", id: 1, method: "ping" },
  { jsonrpc: "2.0", id: 1.5, method: "ping" },
);
const body = fc.oneof(
  { weight: 10, arbitrary: message },
  { weight: 1, arbitrary: response },
  { weight: 1, arbitrary: noMessage },
  { weight: 1, arbitrary: fc.array(fc.oneof(message, response), { minLength: 1, maxLength: 3 }) },
);
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });

/** The outcome of the official SDK, as far as the two can be compared. */
function official(value: unknown, version?: string, named?: string) {
  const outcome = classifyInboundRequest({
    httpMethod: "POST",
    body: value,
    ...(version !== undefined && { protocolVersionHeader: version }),
    ...(named !== undefined && { mcpMethodHeader: named }),
  });
  return outcome.kind === "reject" ? { kind: "refused", code: outcome.code } : { kind: outcome.kind };
}

/** Codes of refusals after the era is known, which the SDK has in other functions. */
const later = [-32_022, -32_020];

describe("classify", () => {
  it("agrees with the official SDK about the era of a request, and about the code of a refusal", () => {
    const counts = { legacy: 0, modern: 0, refused: 0 };
    fc.assert(
      fc.property(body, maybe(revision), maybe(method), (value, version, named) => {
        const headers = new Headers();
        if (version !== undefined) headers.set("mcp-protocol-version", version);
        if (named !== undefined) headers.set("mcp-method", named);
        const own = classify({ method: "POST", headers }, value);
        const expected = official(value, version, named);
        counts[own.kind]++;
        if (own.kind !== "refused") return void expect(own.kind).toBe(expected.kind);
        const { code } = own.error;
        if (expected.kind === "refused") expect(code).toBe(expected.code);
        else if (expected.kind === "modern") expect(later).toContain(code);
        // The SDK leaves batches and responses with the header of a modern revision to the legacy era.
        else expect([code, version === undefined]).toEqual([-32_600, false]);
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(30);
  });
});
