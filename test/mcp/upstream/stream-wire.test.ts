import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { EndSignal } from "../../../src/end-signal.ts";
import type { JsonObject, RpcMessage, RpcRequest } from "../../../src/mcp/messages.ts";
import { RpcError } from "../../../src/mcp/rpc-error.ts";
import { StreamWire } from "../../../src/mcp/upstream/stream-wire.ts";
import { passes } from "../../support/passes.ts";

/** A wire whose server is the test. */
function open() {
  const sent: RpcMessage[] = [];
  const events = { onNotification: vi.fn(), onClose: vi.fn() };
  const stream = {
    send: vi.fn(async (message: RpcMessage) => void sent.push(message)),
    close: vi.fn(async () => undefined),
  };
  const wire = new StreamWire(stream, events);
  // Calls that a test leaves open would fail later, in another test.
  onTestFinished(() => wire.end(new Error("the test is over")));
  const answer = (request: RpcMessage, result: JsonObject) =>
    wire.receive({ jsonrpc: "2.0", id: (request as RpcRequest).id, result });
  return { wire, sent, events, stream, answer };
}

const patient = { timeout: 60_000 };

describe("requests on one stream", () => {
  it("get the answers with their ids, in any order", async () => {
    const { wire, sent, answer } = open();
    const [a, b] = [wire.exchange("a", {}, patient), wire.exchange("b", { x: 1 }, patient)];
    await passes(() => expect(sent).toHaveLength(2));
    answer(sent[1]!, { of: "b" });
    answer(sent[0]!, { of: "a" });
    expect([await a, await b]).toEqual([{ of: "a" }, { of: "b" }]);
    expect(sent).toEqual([
      { jsonrpc: "2.0", id: 1, method: "a", params: {} },
      { jsonrpc: "2.0", id: 2, method: "b", params: { x: 1 } },
    ]);
  });

  it("end in time when the server reads nothing, so that nothing can be written (failure mode 161)", async () => {
    const { wire, stream } = open();
    stream.send.mockImplementation(() => new Promise(() => undefined));
    await expect(wire.exchange("a", {}, { timeout: 20 })).rejects.toMatchObject({ kind: "timeout" });
    const leaving = new AbortController();
    const left = wire.exchange("b", {}, { ...patient, signal: leaving.signal });
    leaving.abort();
    await expect(left).rejects.toMatchObject({ kind: "cancelled" });
  });

  it("throw the error of the server, with its code and data", async () => {
    const { wire } = open();
    const result = wire.exchange("a", {}, patient);
    wire.receive({ jsonrpc: "2.0", id: 1, error: { code: -32602, message: "no", data: { why: 1 } } });
    await expect(result).rejects.toMatchObject({
      name: "RpcError",
      code: -32602,
      message: "no",
      data: { why: 1 },
    });
  });

  it("pass over answers that nobody waits for, and second ones", async () => {
    const { wire, answer, sent } = open();
    wire.receive({ jsonrpc: "2.0", id: 99, result: {} });
    wire.receive({ jsonrpc: "2.0", id: "1", result: { not: "this" } });
    const result = wire.exchange("a", {}, patient);
    await passes(() => expect(sent).toHaveLength(1));
    answer(sent[0]!, { first: true });
    answer(sent[0]!, { second: true });
    expect(await result).toEqual({ first: true });
  });

  it("ask for progress with a token of their own, and get it", async () => {
    const { wire, sent, answer } = open();
    const onProgress = vi.fn();
    const result = wire.exchange("a", { _meta: { other: 1 } }, { ...patient, onProgress });
    await passes(() => expect(sent).toHaveLength(1));
    expect((sent[0] as RpcRequest).params).toEqual({ _meta: { other: 1, progressToken: 1 } });
    wire.receive({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: 1, progress: 0.5 },
    });
    answer(sent[0]!, {});
    await result;
    wire.receive({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: 1, progress: 1 },
    });
    expect(onProgress.mock.calls).toEqual([[{ progressToken: 1, progress: 0.5 }]]);
  });

  it("tell the server when the caller has gone", async () => {
    const { wire, sent } = open();
    const caller = new AbortController();
    const result = wire.exchange("a", {}, { ...patient, signal: caller.signal });
    await passes(() => expect(sent).toHaveLength(1));
    caller.abort();
    await expect(result).rejects.toMatchObject({ name: "McpFailure", kind: "cancelled" });
    expect(sent[1]).toMatchObject({ method: "notifications/cancelled", params: { requestId: 1 } });
  });

  it("send nothing for a caller who had gone before", async () => {
    const { wire, sent } = open();
    const result = wire.exchange("a", {}, { ...patient, signal: AbortSignal.abort() });
    await expect(result).rejects.toMatchObject({ kind: "cancelled" });
    expect(sent.filter((message) => "id" in message)).toEqual([]);
  });

  it("end after their time, which progress starts again", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { wire, sent } = open();
      const failed = vi.fn();
      wire.exchange("a", {}, { timeout: 100, longest: 250, onProgress: () => undefined }).catch(failed);
      const progress = {
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: 1 },
      } as const;
      for (let elapsed = 0; elapsed < 240; elapsed += 80) {
        await vi.advanceTimersByTimeAsync(80);
        expect(failed, `after ${elapsed + 80} ms`).not.toHaveBeenCalled();
        wire.receive(progress);
      }
      // The longest time is over before the usual one.
      await vi.advanceTimersByTimeAsync(11);
      expect(failed.mock.calls[0]![0]).toMatchObject({ kind: "timeout" });
      expect(sent.at(-1)).toMatchObject({ method: "notifications/cancelled" });
    } finally {
      vi.useRealTimers();
    }
  });

  it("fail when the stream ends, and later ones can be sent again elsewhere", async () => {
    const { wire, events } = open();
    const result = wire.exchange("a", {}, patient);
    wire.end(new Error("the server ended"));
    wire.end(new Error("again"));
    await expect(result).rejects.toMatchObject({
      kind: "closed",
      isUnsent: false,
      message: "the server ended",
    });
    await expect(wire.exchange("b", {}, patient)).rejects.toMatchObject({ kind: "closed", isUnsent: true });
    expect(events.onClose).toHaveBeenCalledTimes(1);
  });

  it("that cannot be written can be sent again elsewhere", async () => {
    const { wire, stream } = open();
    stream.send.mockRejectedValueOnce(Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
    await expect(wire.exchange("a", {}, patient)).rejects.toMatchObject({ kind: "closed", isUnsent: true });
  });
});

describe("requests of the server", () => {
  const question: RpcRequest = {
    jsonrpc: "2.0",
    id: 7,
    method: "elicitation/create",
    params: { message: "?" },
  };

  it("are answered by the only call under way", async () => {
    const { wire, sent } = open();
    wire
      .exchange("a", {}, { ...patient, onRequest: async ({ params }) => ({ asked: params }) })
      .catch(() => undefined);
    wire.receive(question);
    await passes(() =>
      expect(sent.at(-1)).toEqual({ jsonrpc: "2.0", id: 7, result: { asked: { message: "?" } } }),
    );
  });

  it("reach no call when several are under way: nobody may see the question of another", async () => {
    const { wire, sent } = open();
    const onRequest = vi.fn(async () => ({}));
    wire.exchange("a", {}, { ...patient, onRequest }).catch(() => undefined);
    wire.exchange("b", {}, { ...patient, onRequest }).catch(() => undefined);
    wire.receive(question);
    await passes(() => expect(sent.at(-1)).toMatchObject({ id: 7, error: { code: -32600 } }));
    expect(onRequest).not.toHaveBeenCalled();
  });

  it("get the refusal of the caller, and no text of other errors", async () => {
    const { wire, sent } = open();
    const refusals = [new RpcError(-32601, "not supported"), new Error("secret text")];
    wire
      .exchange("a", {}, { ...patient, onRequest: () => Promise.reject(refusals.shift()) })
      .catch(() => undefined);
    wire.receive(question);
    await passes(() =>
      expect(sent.at(-1)).toMatchObject({ error: { code: -32601, message: "not supported" } }),
    );
    wire.receive({ ...question, id: 8 });
    await passes(() => expect(sent.at(-1)).toMatchObject({ id: 8, error: { code: -32603 } }));
    expect(JSON.stringify(sent)).not.toContain("secret text");
  });

  it("of ping are answered at any time", async () => {
    const { wire, sent } = open();
    wire.receive({ jsonrpc: "2.0", id: "p", method: "ping" });
    await passes(() => expect(sent).toEqual([{ jsonrpc: "2.0", id: "p", result: {} }]));
  });

  it("are told when their call is over", async () => {
    const { wire, sent, answer } = open();
    const over = vi.fn();
    const onRequest = (_: RpcRequest, signal: EndSignal) =>
      new Promise<JsonObject>(() => signal.addEventListener("abort", over));
    wire.exchange("a", {}, { ...patient, onRequest }).catch(() => undefined);
    await passes(() => expect(sent).toHaveLength(1));
    wire.receive(question);
    answer(sent[0]!, {});
    expect(over).toHaveBeenCalledTimes(1);
  });
});

it("hands on notifications that belong to no request", () => {
  const { wire, events } = open();
  const notification = { jsonrpc: "2.0", method: "notifications/tools/list_changed" } as const;
  wire.receive(notification);
  expect(events.onNotification.mock.calls).toEqual([[notification]]);
});
