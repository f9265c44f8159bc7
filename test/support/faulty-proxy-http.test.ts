import { describe, expect, it, onTestFinished } from "vitest";
import { BareCaller, until } from "./bare-caller.ts";
import { type FaultyProxy, faultyProxy } from "./faulty-proxy.ts";
import { chunk, lastChunk, type Script, streamHead, upstream } from "./upstream.ts";

function post(path: string, body: string, headers = ""): string {
  return `POST ${path} HTTP/1.1\r\nhost: a\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
}

describe("an HTTP proxy that buffers", () => {
  /** Sends one event, and the rest when it is told. */
  function twoEvents() {
    const go = Promise.withResolvers<void>();
    const script: Script = async (_, connection) => {
      connection.write(streamHead + chunk("data: 1\n\n"));
      await go.promise;
      connection.write(chunk("data: 2\n\n") + lastChunk);
    };
    return { target: upstream(script), go: go.resolve };
  }

  it("holds an answer until its end, and then brings all of it; the next on the same connection, too", async () => {
    const { target, go } = twoEvents();
    const proxy = faultyProxy(target.url, { buffer: { responses: true } });
    const caller = new BareCaller(proxy.port);
    caller.socket.write(post("/", "{}"));
    await until(() => target.seen.length === 1);
    await Bun.sleep(40);
    expect(caller.text).toBe("");
    go();
    const whole = `${streamHead}${chunk("data: 1\n\n")}${chunk("data: 2\n\n")}${lastChunk}`;
    await caller.met(() => caller.text.length >= whole.length);
    expect(caller.text).toBe(whole);
    caller.socket.write(post("/", "{}"));
    await caller.met(() => caller.text.length >= 2 * whole.length);
    expect(caller.text).toBe(whole + whole);
  });

  it("holds a request until its end, while answers go on as they come", async () => {
    const { target, go } = twoEvents();
    const proxy = faultyProxy(target.url, { buffer: { requests: true } });
    const caller = new BareCaller(proxy.port);
    const request = post("/", "0123456789");
    caller.socket.write(request.slice(0, -1));
    await until(() => proxy.counters.accepted === 1);
    await Bun.sleep(40);
    expect(proxy.counters.up).toBe(0);
    caller.socket.write(request.slice(-1));
    await caller.met(() => caller.text.includes("data: 1"));
    expect(caller.text).not.toContain("data: 2");
    go();
    await caller.met(() => caller.text.endsWith(lastChunk));
    expect(target.seen[0]!.text).toBe("0123456789");
  });

  it("knows the ends of chunked requests, of answers without a body, and of those that end with the connection", async () => {
    const seen: string[] = [];
    await using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        seen.push(`${request.method} ${await request.text()}`);
        return new Response(request.method === "GET" ? "got" : null, {
          status: request.method === "DELETE" ? 204 : 200,
        });
      },
    });
    const proxy = faultyProxy(server.url.href, { buffer: { requests: true, responses: true } });
    const caller = new BareCaller(proxy.port);
    const ask = async (request: string, answers: number) => {
      caller.socket.write(request);
      await caller.met(() => caller.text.split("HTTP/1.1 20").length === answers + 1);
    };
    const chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n";
    caller.socket.write(chunked);
    await ask("\r\n", 1);
    await ask("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", 2);
    await ask("DELETE / HTTP/1.1\r\nhost: a\r\n\r\n", 3);
    await ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n", 4);
    expect(seen).toEqual(["POST hello", "HEAD ", "DELETE ", "GET "]);
    const closing = upstream((_, connection) => connection.end("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    proxy.leadTo(closing.url);
    const last = new BareCaller(proxy.port);
    last.socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    await last.met(() => last.ended);
    expect(last.text).toBe("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  });
});

describe("a proxy in the way of WebSockets", () => {
  function socketServer() {
    const upgraded: string[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request, server) {
        upgraded.push(request.headers.get("upgrade") ?? "none");
        return server.upgrade(request) ? undefined : new Response("plain");
      },
      websocket: { message: (socket, message) => void socket.send(message) },
    });
    onTestFinished(() => server.stop(true));
    return { url: server.url.href, upgraded };
  }

  function opened(proxy: FaultyProxy): Promise<string> {
    const socket = new WebSocket(proxy.url.replace("http", "ws"));
    onTestFinished(() => socket.close());
    return new Promise((resolve) => {
      socket.onopen = () => socket.send("hi");
      socket.onmessage = ({ data }) => resolve(String(data));
      socket.onclose = () => resolve("closed");
    });
  }

  it("lets them through unless told to block, also when it buffers", async () => {
    const { url } = socketServer();
    expect(await opened(faultyProxy(url))).toBe("hi");
    const buffer = { requests: true, responses: true };
    expect(await opened(faultyProxy(url, { buffer }))).toBe("hi");
  });

  it("refuses them, or removes the upgrade; other calls get through", async () => {
    const { url, upgraded } = socketServer();
    const refusing = faultyProxy(url, { blockUpgrade: "refuse" });
    expect(await opened(refusing)).toBe("closed");
    expect(upgraded).toEqual([]);
    const stripping = faultyProxy(url, { blockUpgrade: "strip" });
    expect(await opened(stripping)).toBe("closed");
    expect(upgraded).toEqual(["none"]);
    for (const proxy of [refusing, stripping]) {
      expect(proxy.counters.upgradesBlocked).toBe(1);
      expect(await (await fetch(proxy.url)).text()).toBe("plain");
    }
    const answer = await fetch(refusing.url, { headers: { connection: "upgrade", upgrade: "websocket" } });
    expect(answer.status).toBe(426);
  });

  it("leaves them without an answer when told to", async () => {
    const { url, upgraded } = socketServer();
    const proxy = faultyProxy(url, { blockUpgrade: "hang" });
    const outcome = opened(proxy);
    await until(() => proxy.counters.upgradesBlocked === 1);
    expect(await Promise.race([outcome, Bun.sleep(40).then(() => "nothing")])).toBe("nothing");
    expect(upgraded).toEqual([]);
  });
});
