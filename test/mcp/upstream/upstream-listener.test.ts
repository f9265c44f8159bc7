import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/mcp/messages.ts";
import { RpcError } from "../../../src/mcp/rpc-error.ts";
import { Upstream } from "../../../src/mcp/upstream/upstream.ts";
import type { ExchangeOptions, UpstreamWire } from "../../../src/mcp/upstream/wire.ts";

/** A wire whose requests stay open until the test or the caller ends them. */
function openWire(fail?: Error) {
  const streams: { method: string; params: JsonObject; options: ExchangeOptions }[] = [];
  const wire: UpstreamWire = {
    exchange(method, params, options) {
      streams.push({ method, params, options });
      if (fail) return Promise.reject(fail);
      return new Promise((_, reject) =>
        options.signal!.addEventListener("abort", () => reject(new Error("cancelled"))),
      );
    },
    notify: async () => undefined,
    use: () => undefined,
    close: async () => undefined,
  };
  const open = () => streams.filter(({ options }) => !options.signal!.aborted);
  return { wire, streams, open, asked: () => open().map(({ params }) => params["notifications"]) };
}

const all = {
  tools: { listChanged: true },
  prompts: {},
  resources: { listChanged: true, subscribe: true },
};

function upstream(wire: UpstreamWire, capabilities: JsonObject = all, revision = "2026-07-28") {
  return new Upstream(wire, { revision, serverInfo: {}, capabilities }, { name: "t", version: "1" });
}

const lists = { toolsListChanged: true, resourcesListChanged: true };

describe("a modern server", () => {
  it("is asked for the changes that it can tell, on one stream, until the connection closes", async () => {
    const { wire, streams, asked } = openWire();
    const server = upstream(wire);
    server.listen();
    server.listen();
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ method: "subscriptions/listen", options: { isSubscription: true } });
    expect(asked()).toEqual([lists]);
    await server.close();
    expect(asked()).toEqual([]);
  });

  it("is asked for the resources that are followed, which legacy clients do by a method", async () => {
    const { wire, asked } = openWire();
    const server = upstream(wire);
    const call = (method: string, uri: string) => server.request(method, { uri }, { timeout: 60_000 });
    server.listen();
    expect(await call("resources/subscribe", "a")).toEqual({ resultType: "complete" });
    await call("resources/subscribe", "b");
    await call("resources/subscribe", "b");
    expect(asked()).toEqual([{ ...lists, resourceSubscriptions: ["a", "b"] }]);
    await call("resources/unsubscribe", "a");
    expect(asked()).toEqual([{ ...lists, resourceSubscriptions: ["b"] }]);
    await call("resources/unsubscribe", "b");
    await call("resources/unsubscribe", "b");
    expect(asked()).toEqual([lists]);
    await server.close();
  });

  it("is not asked for what it does not declare, and not again if it does not know the method", async () => {
    const silent = openWire();
    const none = upstream(silent.wire, { tools: {}, resources: {} });
    none.listen();
    await expect(none.request("resources/subscribe", { uri: "a" }, { timeout: 60_000 })).rejects.toThrow(
      RpcError,
    );
    expect(silent.streams).toEqual([]);
    const refusing = openWire(new RpcError(-32601, "unknown"));
    upstream(refusing.wire).listen();
    await Bun.sleep(5);
    expect(refusing.streams).toHaveLength(1);
  });
});

it("a legacy server is asked by its own methods, and tells changes unasked", async () => {
  const { wire, streams } = openWire();
  const server = upstream(wire, all, "2025-11-25");
  server.listen();
  expect(streams).toEqual([]);
  const controller = new AbortController();
  const request = server.request(
    "resources/subscribe",
    { uri: "a" },
    { timeout: 60_000, signal: controller.signal },
  );
  expect(streams[0]!.method).toBe("resources/subscribe");
  controller.abort();
  await expect(request).rejects.toThrow("cancelled");
});
