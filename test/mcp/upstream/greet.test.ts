import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { JsonObject } from "../../../src/mcp/messages.ts";
import { McpFailure, RpcError } from "../../../src/mcp/rpc-error.ts";
import { greet } from "../../../src/mcp/upstream/upstream.ts";
import type { UpstreamWire } from "../../../src/mcp/upstream/wire.ts";

const client = { name: "mcpctl", version: "1" };
const discovered = {
  supportedVersions: ["2026-07-28", "2025-11-25"],
  capabilities: { tools: {} },
  instructions: "hi",
};
const initialized = (protocolVersion: string) => ({
  protocolVersion,
  capabilities: {},
  serverInfo: { name: "old" },
});

/** A wire whose server answers by method: with a result, or by throwing. */
function wireOf(answers: Record<string, JsonObject | Error>) {
  const calls: [method: string, params: JsonObject][] = [];
  const wire = {
    exchange: vi.fn(async (method: string, params: JsonObject) => {
      calls.push([method, params]);
      const answer = answers[method] ?? new RpcError(-32601, "unknown");
      if (answer instanceof Error) throw answer;
      return answer;
    }),
    notify: vi.fn(async () => undefined),
    use: vi.fn(),
    close: vi.fn(async () => undefined),
  } satisfies UpstreamWire;
  return { wire, calls };
}

describe("greet", () => {
  it("speaks the modern revision with a server that has it", async () => {
    const { wire, calls } = wireOf({ "server/discover": discovered, "tools/call": { content: [] } });
    const upstream = await greet(wire, { client, timeout: 1000 });
    expect(upstream.era).toBe("modern");
    expect(upstream.facts).toMatchObject({ revision: "2026-07-28", instructions: "hi" });
    expect(wire.notify).not.toHaveBeenCalled();
    const capabilities = { elicitation: {} };
    const result = await upstream.request(
      "tools/call",
      { name: "x", _meta: { a: 1 } },
      { timeout: 1, capabilities },
    );
    expect(result).toEqual({ content: [], resultType: "complete" });
    expect(calls[1]).toEqual([
      "tools/call",
      {
        name: "x",
        _meta: {
          a: 1,
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": client,
          "io.modelcontextprotocol/clientCapabilities": capabilities,
        },
      },
    ]);
  });

  it.each([
    ["does not know the method", new RpcError(-32601, "Method not found")],
    ["refuses in another way", new RpcError(-32600, "Server not initialized")],
    ["says nothing", new McpFailure("timeout", "the server took too long")],
    ["answers with something else", new McpFailure("malformed", "no message")],
    ["answers with status 400", new McpFailure("refused", "no session", { status: 400 })],
    ["answers with status 405", new McpFailure("refused", "no", { status: 405 })],
    ["has no revision in common", { supportedVersions: ["2099-01-01"] }],
  ])("initializes a server that %s", async (_, answer) => {
    const { wire, calls } = wireOf({
      "server/discover": answer as Error,
      initialize: initialized("2025-06-18"),
    });
    const upstream = await greet(wire, { client, timeout: 1000 });
    expect(upstream.era).toBe("legacy");
    expect(upstream.facts.serverInfo).toEqual({ name: "old" });
    expect(wire.use.mock.calls).toEqual([["2025-06-18"]]);
    expect(wire.notify.mock.calls).toEqual([["notifications/initialized"]]);
    await upstream.request("tools/list", {}, { timeout: 1 }).catch(() => undefined);
    expect(calls.at(-1)).toEqual(["tools/list", {}]);
  });

  it.each([
    ["error", new RpcError(-32022, "no", { supported: ["2026-07-28"] })],
    [
      "status 400",
      new McpFailure("refused", "no", {
        status: 400,
        cause: { code: -32022, message: "no", data: { supported: ["2026-07-28"] } },
      }),
    ],
  ])(
    "asks a server again that names a modern revision in its refusal, an %s (failure mode 160)",
    async (_, refusal) => {
      const { wire, calls } = wireOf({ "server/discover": refusal });
      wire.exchange.mockImplementationOnce(async (method, params) => {
        calls.push([method, params]);
        throw refusal;
      });
      wire.exchange.mockImplementationOnce(async (method, params) => {
        calls.push([method, params]);
        return discovered;
      });
      const upstream = await greet(wire, { client, timeout: 1000 });
      expect(upstream.era).toBe("modern");
      expect(calls.map(([method]) => method)).toEqual(["server/discover", "server/discover"]);
    },
  );

  it("asks no third time, and initializes a server that refuses each revision (failure mode 160)", async () => {
    const refusal = new RpcError(-32022, "no", { supported: ["2026-07-28"] });
    const { wire, calls } = wireOf({ "server/discover": refusal, initialize: initialized("2025-11-25") });
    expect((await greet(wire, { client, timeout: 1000 })).era).toBe("legacy");
    expect(calls.map(([method]) => method)).toEqual(["server/discover", "server/discover", "initialize"]);
  });

  describe("a server that starts slowly", () => {
    /** A server that answers these methods after so many seconds, and nothing else. */
    function slow(answers: Record<string, { after: number; answer: JsonObject | Error }>) {
      vi.useFakeTimers();
      onTestFinished(() => void vi.useRealTimers());
      const { wire: quick } = wireOf({});
      const givenUp: string[] = [];
      const exchange: UpstreamWire["exchange"] = (method, _, { signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
        let isOpen = true;
        signal?.addEventListener("abort", () => {
          if (isOpen) givenUp.push(method);
          reject(new McpFailure("cancelled", "given up"));
        });
        const { after, answer } = answers[method] ?? {};
        const settle = () => {
          isOpen = false;
          if (answer instanceof Error) reject(answer);
          else resolve(answer!);
        };
        if (after !== undefined) setTimeout(settle, after * 1000);
        return promise;
      };
      const wire = { ...quick, exchange };
      const greeted = greet(wire, { client, timeout: 60_000 });
      greeted.catch(() => undefined);
      return { wire, greeted, givenUp };
    }

    it("is taken for a modern one when it answers at last, and then refuses to be initialized", async () => {
      const refusal = new RpcError(-32600, "connection is serving the 2026-07-28 protocol");
      const { wire, greeted } = slow({
        "server/discover": { after: 20, answer: discovered },
        initialize: { after: 19, answer: refusal },
      });
      await vi.advanceTimersByTimeAsync(30_000);
      expect((await greeted).era).toBe("modern");
      expect(wire.use.mock.calls).toEqual([["2026-07-28"]]);
      expect(wire.notify).not.toHaveBeenCalled();
    });

    it("is initialized when it says nothing to the first question", async () => {
      const { greeted, givenUp } = slow({ initialize: { after: 20, answer: initialized("2025-06-18") } });
      await vi.advanceTimersByTimeAsync(30_000);
      expect((await greeted).era).toBe("legacy");
      expect(givenUp).toEqual(["server/discover"]);
    });

    it("fails with its refusal when it answers nothing else", async () => {
      const { greeted } = slow({
        "server/discover": { after: 8, answer: new RpcError(-32601, "unknown") },
        initialize: { after: 2, answer: new RpcError(-32603, "no licence") },
      });
      await vi.advanceTimersByTimeAsync(30_000);
      await expect(greeted).rejects.toThrow("no licence");
    });
  });

  it("asks a server that was a legacy one before for nothing else", async () => {
    const { wire, calls } = wireOf({ initialize: initialized("2025-11-25") });
    await greet(wire, { client, timeout: 1000, revision: "2025-11-25" });
    expect(calls.map(([method]) => method)).toEqual(["initialize"]);
  });

  it.each([401, 403, 500])("does not initialize after status %i", async (status) => {
    const { wire, calls } = wireOf({ "server/discover": new McpFailure("refused", "no", { status }) });
    await expect(greet(wire, { client, timeout: 1000 })).rejects.toMatchObject({ kind: "refused", status });
    expect(calls).toHaveLength(1);
  });

  it("refuses a revision that is not known", async () => {
    const { wire } = wireOf({ initialize: initialized("1999-01-01") });
    await expect(greet(wire, { client, timeout: 1000 })).rejects.toThrow(
      "revision 1999-01-01, which is not known",
    );
  });
});
