import { expect, it } from "vitest";
import { HttpFailure } from "../../../src/net/http1/http-failure.ts";
import { PushedResponse } from "../../../src/net/pushed-response.ts";
import { inferOver } from "../../../src/server/cluster/forward-infer.ts";
import { HostedLlms } from "../../../src/server/cluster/hosted-llms.ts";
import type { HostedExchange } from "../../../src/server/cluster/link-host.ts";
import { decodeError, encodeError, type InferFields } from "../../../src/server/cluster/link-messages.ts";
import type { NodeExchange, NodeLink } from "../../../src/server/cluster/node-link.ts";
import type { Catalogue } from "../../../src/server/core/catalogue/catalogue.ts";
import type { ConnectedLlms, LinkCall } from "../../../src/server/workstations/virtual-llms.ts";
import { row } from "../../support/row.ts";

const timeouts = { connect: 1, firstByte: 1, silence: 1 };
const llm = row("llm_1", "llm", "home", {
  status: { origin: "virtual", status: "active", session: "pvs_1" },
});
const plain = row("llm_2", "llm", "plain", { status: { origin: "static", status: "active" } });

/** A node with a connected agent, and the link to it of another node. `bytes` counts those that have gone over the link. */
function hosted(infer: (call: LinkCall) => Promise<PushedResponse>) {
  const calls: LinkCall[] = [];
  const llms = {
    hasAgentOf: () => true,
    infer: (call: LinkCall) => {
      calls.push(call);
      return infer(call);
    },
  } as unknown as ConnectedLlms;
  const byId = new Map([llm, plain].map((one) => [one.id, one]));
  const host = new HostedLlms({ snapshot: { byId } } as unknown as Catalogue, llms);
  const counted = { bytes: 0 };
  const link = {
    request: async ({ call }: { call: InferFields }, { signal, onEvent, onAsk }: NodeExchange) => {
      const exchange = {
        signal,
        send(event: Parameters<HostedExchange["send"]>[0]) {
          if ("bytes" in event) counted.bytes += Buffer.from(event.bytes, "base64").length;
          onEvent?.(event);
        },
        ask: (request: never, over: AbortSignal) => onAsk!(request, over),
      };
      return host.infer(call, exchange as unknown as HostedExchange).catch((error) => {
        throw decodeError(JSON.parse(JSON.stringify(encodeError(error))));
      });
    },
  } as unknown as NodeLink;
  const call = { llm, operation: "chat", text: "{}", streaming: true, timeouts, hops: 1 } as const;
  const over: string[] = [];
  const ask = (more: Partial<LinkCall> = {}) =>
    inferOver(link, { ...call, signal: new AbortController().signal, ...more }, () => over.push("over"));
  return { host, calls, counted, over, ask };
}

const writer = (cancelled: string[] = []) => ({ onCancel: () => void cancelled.push("cancelled") });

it("a response is read no faster than the caller at the other node takes it (T322)", async () => {
  const cancelled: string[] = [];
  const source = new PushedResponse(200, { "content-type": "text/event-stream" }, writer(cancelled));
  const { ask, counted, over } = hosted(async () => source);
  const response = await ask();
  const part = Buffer.alloc(64 * 1024, "x");
  let pushed = 0;
  for (; !source.held && pushed < 100; pushed++) {
    source.push(part);
    await Bun.sleep(0);
  }
  // Nobody reads: the agent is held back, and nothing more goes over the link.
  expect(source.held).toBeDefined();
  expect(counted.bytes).toBe(512 * 1024);
  let read = 0;
  const finished = Promise.withResolvers<void>();
  response.pipe({ data: (bytes) => (read += bytes.length), end: finished.resolve, error: finished.reject });
  await source.held;
  source.push(part);
  source.end();
  await finished.promise;
  expect(read).toBe((pushed + 1) * part.length);
  while (over.length === 0) await Bun.sleep(0);
  expect([over, cancelled]).toEqual([["over"], []]);
});

it("a reader that leaves cancels the call, and one that is held does not keep it", async () => {
  const source = new PushedResponse(200, {}, writer());
  const { ask, calls, over } = hosted(async ({ signal }) => {
    signal.addEventListener("abort", () =>
      source.fail(new HttpFailure("cancelled", "the call was cancelled")),
    );
    return source;
  });
  const response = await ask();
  source.push(Buffer.alloc(1024 * 1024));
  await Bun.sleep(0);
  response.cancel();
  expect(calls[0]!.signal.aborted).toBe(true);
  while (over.length === 0) await Bun.sleep(0);
});

it("a long request goes in parts, and bytes of a response stay as they are", async () => {
  const text = `"${"\u{1f600}é\u0001".repeat(400_000)}"`;
  const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28]);
  const { ask, calls } = hosted(async () => {
    const source = new PushedResponse(200, {}, writer());
    source.push(bytes);
    source.end();
    return source;
  });
  const response = await ask({ text });
  expect(await response.bytes(100)).toEqual(bytes);
  expect(calls[0]!.text === text).toBe(true);
});

it("a failure keeps its kind, before the head and after it", async () => {
  const before = hosted(() => Promise.reject(new HttpFailure("connect", "no")));
  await expect(before.ask()).rejects.toMatchObject({ name: "HttpFailure", kind: "connect", message: "no" });
  // A node that does not know the request.
  const silent = { request: async () => undefined } as unknown as NodeLink;
  const { signal } = new AbortController();
  const call = { llm, operation: "chat", text: "", streaming: true, timeouts, hops: 1, signal } as const;
  await expect(inferOver(silent, call as LinkCall, () => {})).rejects.toMatchObject({ kind: "closed" });
  const source = new PushedResponse(200, {}, writer());
  const response = await hosted(async () => source).ask();
  source.push(Buffer.from("a"));
  source.fail(new HttpFailure("timeout", "late"));
  await expect(response.text(100)).rejects.toMatchObject({ kind: "timeout" });
});

it("a node carries out only calls of llms whose agents it has, and no request of another length (T322)", async () => {
  const { ask, calls, host } = hosted(() => expect.fail("nothing is called"));
  await expect(ask({ llm: plain as LinkCall["llm"] })).rejects.toThrow("belongs to another node");
  await expect(ask({ llm: { ...llm, id: "llm_3" } as LinkCall["llm"] })).rejects.toThrow("another node");
  const fields = {
    llmId: llm.id,
    operation: "chat",
    streaming: false,
    hops: 1,
    timeouts,
    text: "",
    length: 3,
  } as const;
  for (const part of ["", "four", 3]) {
    const exchange = { ask: async () => ({ text: part }), signal: new AbortController().signal };
    await expect(host.infer(fields, exchange as unknown as HostedExchange)).rejects.toThrow("does not fit");
  }
  await host.work.drain();
  await expect(ask()).rejects.toThrow("another node");
  expect([calls, host.reaches(llm.id)]).toEqual([[], false]);
});
