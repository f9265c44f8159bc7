import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { listenTcp } from "../../../../src/server/http/listen.ts";
import type { TcpListener } from "../../../../src/server/http/listener.ts";
import { BareCaller, until } from "../../../support/bare-caller.ts";
import { hasNginx, nginx } from "../../../support/nginx.ts";

/** The requests that handlers have seen: the method, the path and the body of each request. */
const seen: string[] = [];
let gone = 0;

async function handle(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  if (path === "/unread") return new Response("no", { status: 401 });
  const body = await request.text().catch(() => undefined);
  if (body === undefined) return new Response("bad", { status: 400 });
  seen.push(`${request.method} ${path} ${body}`);
  if (path === "/large") return new Response("x".repeat(1_000_000), { headers: { "x-a": "b" } });
  if (path === "/never") return new Response(new ReadableStream({ cancel: () => void gone++ }), events);
  if (path === "/events") return new Response(twoParts(), events);
  if (path === "/broken") return new Response(twoParts(true), events);
  return new Response(`${path}:${body}`);
}

const events = { headers: { "content-type": "text/event-stream" } };

function twoParts(isBroken = false): ReadableStream<Uint8Array> {
  let parts = 0;
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(1);
      if (parts++ < 2) controller.enqueue(Buffer.from("data\n\n"));
      else if (isBroken) controller.error();
      else controller.close();
    },
  });
}

let own: TcpListener;
let plain: TcpListener;

beforeAll(() => {
  own = listenTcp({ hostname: "127.0.0.1", port: 0 }, handle);
  plain = listenTcp({ isPlain: true, hostname: "127.0.0.1", port: 0 }, handle);
});

afterAll(async () => {
  await Promise.all([own.close(), plain.close()]);
});

/** Sends pieces and returns the caller when it has so many responses, or is closed. */
async function send(port: number, pieces: readonly string[], responses = Number.POSITIVE_INFINITY) {
  const caller = new BareCaller(port);
  for (const piece of pieces) {
    await new Promise<void>((resolve) => caller.socket.write(Buffer.from(piece, "latin1"), () => resolve()));
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  await caller.met(() => caller.closed !== undefined || statusesOf(caller.text).length >= responses);
  return caller;
}

const statusesOf = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const bodyOf = (text: string) => text.slice(text.lastIndexOf("\r\n\r\n") + 4);
const request = (first: string, lines: readonly string[] = [], body = "") =>
  `${[`${first} HTTP/1.1`, "host: localhost", ...lines].join("\r\n")}\r\n\r\n${body}`;
const post = (path: string, body: string, ...lines: string[]) =>
  request(`POST ${path}`, [`content-length: ${body.length}`, ...lines], body);
const chunked = (path: string, wire: string, ...lines: string[]) =>
  request(`POST ${path}`, ["transfer-encoding: chunked", ...lines], wire);
const close = "connection: close";

describe("requests on one connection", () => {
  it("are answered in order when they come in one piece, and once each", async () => {
    seen.length = 0;
    const wire =
      post("/1", "a") + chunked("/2", "1;x=y\r\nb\r\n1\r\nc\r\n0\r\nt: 1\r\n\r\n") + request("GET /3");
    const { text } = await send(own.port, [wire + request("GET /4", [close])]);
    expect(statusesOf(text)).toEqual([200, 200, 200, 200]);
    expect(seen).toEqual(["POST /1 a", "POST /2 bc", "GET /3 ", "GET /4 "]);
    expect(text.indexOf("/1:a")).toBeLessThan(text.indexOf("/2:bc"));
  });

  it("are the same however they are cut", async () => {
    const wire = `\r\n${post("/1", "abc")}${chunked("/2", "3\r\nabc\r\n0\r\n\r\n")}${request("GET /3", [close])}`;
    const cuts = await Promise.all(
      Array.from({ length: wire.length - 1 }, async (_, at) => {
        const { text } = await send(own.port, [wire.slice(0, at + 1), wire.slice(at + 1)]);
        return [statusesOf(text).join(), text.includes("/1:abc"), text.includes("/2:abc")].join();
      }),
    );
    expect(new Set(cuts)).toEqual(new Set(["200,200,200,true,true"]));
  });

  it("may have a body byte by byte", async () => {
    const { text } = await send(own.port, [...chunked("/b", "2\r\nab\r\n0\r\n\r\n", close)]);
    expect(bodyOf(text)).toBe("/b:ab");
  });

  it("get a large response whole, and the next one after it", async () => {
    const { text } = await send(own.port, [request("GET /large") + request("GET /n", [close])]);
    expect(statusesOf(text)).toEqual([200, 200]);
    expect(text.match(/x/g)).toHaveLength(1_000_001);
    expect(bodyOf(text)).toBe("/n:");
  });

  it("get a stream in chunks, and a broken one without its end", async () => {
    const whole = await send(own.port, [request("GET /events", [close])]);
    expect(bodyOf(whole.text.replace("\r\n\r\n6", "6"))).toBe("");
    expect(whole.text).toMatch(/6\r\ndata\n\n\r\n6\r\ndata\n\n\r\n0\r\n\r\n$/);
    const broken = await send(own.port, [request("GET /broken")]);
    expect(broken.text).toMatch(/6\r\ndata\n\n\r\n6\r\ndata\n\n\r\n$/);
  });

  it("get no chunks in version 1.0", async () => {
    const { text } = await send(own.port, ["GET /events HTTP/1.0\r\nhost: localhost\r\n\r\n"]);
    expect([text.includes("transfer-encoding"), bodyOf(text.slice(0, text.indexOf("data") + 12))]).toEqual([
      false,
      "data\n\ndata\n\n".slice(0, 12),
    ]);
  });

  it("get a head alone for HEAD", async () => {
    const { text } = await send(own.port, [request("HEAD /h") + request("GET /n", [close])]);
    expect([statusesOf(text), text.includes("/h:")]).toEqual([[200, 200], false]);
  });
});

describe("the body of a request", () => {
  it("is asked for where the caller waits for it, and only when it is read", async () => {
    const head = request("POST /e", ["content-length: 3", "expect: 100-continue"]);
    const caller = await send(own.port, [head], 1);
    expect(caller.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    caller.socket.write("abc");
    await caller.met(() => caller.text.endsWith("/e:abc"));
    const unread = await send(own.port, [head.replace("/e", "/unread")]);
    expect(statusesOf(unread.text)).toEqual([401]);
  });

  it("that is not read is the last one of its connection (T96)", async () => {
    seen.length = 0;
    const { text } = await send(own.port, [
      post("/unread", "a".repeat(1000)).slice(0, -900),
      request("GET /next"),
    ]);
    expect([statusesOf(text), text.includes("connection: close"), seen]).toEqual([[401], true, []]);
  });

  const bad: Readonly<Record<string, string>> = {
    "a size that is none": "x\r\n",
    "a size with a sign": "-1\r\n",
    "a size with 0x": "0x1\r\na\r\n0\r\n\r\n",
    "a size over 2^48": "1000000000001\r\n",
    "a size of many digits": `${"f".repeat(30)}\r\n`,
    "an empty size": "\r\n",
    "a space behind the size": "1 \r\na\r\n0\r\n\r\n",
    "a space before the size": " 1\r\na\r\n0\r\n\r\n",
    "LF behind the size": "1\na\r\n0\r\n\r\n",
    "LF behind the data": "1\r\na\n0\r\n\r\n",
    "more data than the size": "1\r\nab\r\n0\r\n\r\n",
    "LF in an extension": "1;a\nb\r\na\r\n0\r\n\r\n",
    "CR in an extension": "1;a\rb\r\na\r\n0\r\n\r\n",
    "an extension without an end": `1;${"a".repeat(5000)}`,
    "many extensions": `1;${"a".repeat(4000)}\r\na\r\n`.repeat(5),
    "a request as a trailer": "0\r\nGET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a folded trailer": "0\r\na: b\r\n c\r\n\r\n",
    "a trailer without a name": "0\r\n: b\r\n\r\n",
    "LF at the end of a trailer": "0\r\na: b\n\r\n",
    "trailers without an end": `0\r\n${"a: b\r\n".repeat(4000)}`,
  };
  it.each(Object.entries(bad))(
    "is refused with %s, and nothing behind it is read (T307)",
    async (_, wire) => {
      seen.length = 0;
      const { text } = await send(own.port, [chunked("/c", wire) + request("GET /smuggled")]);
      expect([statusesOf(text), seen]).toEqual([[400], []]);
    },
  );

  it("is held back at the caller while nobody reads it", async () => {
    const begun = Promise.withResolvers<Request>();
    const slow = listenTcp({ hostname: "127.0.0.1", port: 0 }, async (request) => {
      begun.resolve(request);
      return await new Promise<Response>(() => {});
    });
    onTestFinished(() => slow.close());
    const caller = new BareCaller(slow.port);
    caller.socket.write(request("POST /", ["content-length: 100000000"]));
    let written = 0;
    const more = () => {
      while (written < 100_000_000 && caller.socket.write(Buffer.alloc(65536))) written += 65536;
    };
    caller.socket.on("drain", more);
    more();
    await begun.promise;
    let before = -1;
    while (before !== written) {
      before = written;
      await Bun.sleep(100);
    }
    expect(written).toBeLessThan(50_000_000);
  });
});

describe("a caller that leaves", () => {
  it("ends its request, also while the response is a stream", async () => {
    gone = 0;
    const caller = await send(own.port, [request("GET /never")], 1);
    caller.socket.destroy();
    await until(() => gone === 1);
  });
});

describe("deadlines and the end", () => {
  it("close an idle connection, and one whose head does not come (T308)", async () => {
    const quick = listenTcp({ hostname: "127.0.0.1", port: 0, idleSeconds: 0.1 }, handle);
    onTestFinished(() => quick.close());
    const idle = await send(quick.port, [request("GET /a")]);
    const silent = await send(quick.port, [""]);
    const slow = new BareCaller(quick.port);
    const drip = setInterval(() => slow.socket.write("a"), 10);
    slow.socket.write("GET /");
    await slow.met(() => slow.closed !== undefined);
    clearInterval(drip);
    expect([statusesOf(idle.text), statusesOf(silent.text), statusesOf(slow.text)]).toEqual([
      [200],
      [],
      [408],
    ]);
  });

  it("let requests under way finish, and close idle connections at once", async () => {
    const release = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const leaving = listenTcp({ hostname: "127.0.0.1", port: 0 }, async () => {
      begun.resolve();
      await release.promise;
      return new Response("late");
    });
    const idle = new BareCaller(leaving.port);
    const busy = new BareCaller(leaving.port);
    busy.socket.write(request("GET /"));
    await begun.promise;
    const drained = leaving.drain();
    await idle.met(() => idle.closed !== undefined);
    expect(busy.closed).toBeUndefined();
    release.resolve();
    await drained;
    await busy.met(() => busy.closed !== undefined);
    expect([busy.text.endsWith("late"), busy.text.includes("connection: close")]).toEqual([true, true]);
    await leaving.close();
  });

  it("say which requests are under way, and whose", async () => {
    const caller = await send(own.port, [request("GET /never")], 1);
    expect(own.busyPorts().get(caller.socket.localPort!)).toBe(false);
    caller.socket.destroy();
    const { localPort } = caller.socket;
    await until(() => !own.busyPorts().has(localPort!));
  });
});

describe("a WebSocket", () => {
  it("goes through, in both directions, and comes from its caller", async () => {
    let from: number | undefined;
    const opened = Promise.withResolvers<Bun.ServerWebSocket<unknown>>();
    const sockets = listenTcp({ hostname: "127.0.0.1", port: 0 }, (request) => {
      from = sockets.peerOf(request)?.port;
      const received: string[] = [];
      const handler = {
        opened: (socket: Bun.ServerWebSocket<never>) => opened.resolve(socket),
        text: (message: string) => received.push(message) && message === "end" && socket?.close(),
        bytes() {},
        closed() {},
      };
      let socket: Bun.ServerWebSocket<unknown> | undefined;
      void opened.promise.then((open) => {
        socket = open;
      });
      return sockets.upgrade(request, handler as never, {})
        ? new Response()
        : new Response("no", { status: 400 });
    });
    onTestFinished(() => sockets.close());
    const client = new WebSocket(`ws://127.0.0.1:${sockets.port}/`);
    const closed = new Promise((resolve) => client.addEventListener("close", resolve));
    const messages: number[] = [];
    client.addEventListener("message", ({ data }) => messages.push(data.length));
    const server = await opened.promise;
    expect(sockets.busyPorts().has(from!)).toBe(true);
    // More than the sockets take at once, several times: the inner listener is held back, and goes on.
    const sizes = [1, 70_000, 3_000_000, 7_000_000, 7_000_000, 7_000_000];
    for (const size of sizes) server.send("x".repeat(size));
    await until(() => messages.length === sizes.length);
    expect(messages).toEqual(sizes);
    client.send("x".repeat(1_000_000));
    client.send("end");
    await closed;
  });

  it("opens a port of this machine that takes nothing from other programs (T309)", async () => {
    seen.length = 0;
    const inner: TcpListener[] = [];
    const { OwnListener } = await import("../../../../src/server/http/http1/own-listener.ts");
    const outer = new OwnListener({ hostname: "127.0.0.1", port: 0 }, handle, (options, inside) => {
      inner.push(listenTcp({ ...options, isPlain: true }, inside));
      return inner[0]!;
    });
    onTestFinished(() => outer.close());
    const upgrade = ["connection: upgrade", "upgrade: websocket"];
    await send(outer.port, [request("GET /first", upgrade)], 1);
    expect(seen).toEqual(["GET /first "]);
    const other = await send(inner[0]!.port, [request("GET /other", [close])]);
    expect([statusesOf(other.text), seen]).toEqual([[403], ["GET /first "]]);
  });
});

describe("beside other readers of HTTP", () => {
  const good: Readonly<Record<string, string>> = {
    "a length": post("/g", "abc", close),
    chunks: chunked("/g", "3\r\nabc\r\n0\r\n\r\n", close),
    "chunks with leading zeros": chunked("/g", "003\r\nabc\r\n000\r\n\r\n", close),
    "no body": request("GET /g", [close]),
    "an empty body": post("/g", "", close),
    "a query": request("GET /g?a=b&c=%20", [close]),
  };
  it.each(Object.entries(good))("reads %s as Bun does", async (_, wire) => {
    seen.length = 0;
    const [ours, buns] = [await send(own.port, [wire]), await send(plain.port, [wire])];
    expect(statusesOf(ours.text)).toEqual([200]);
    expect([statusesOf(buns.text), bodyOf(buns.text)]).toEqual([[200], bodyOf(ours.text)]);
    expect(seen[0]).toBe(seen[1]);
  });

  const attacks: Readonly<Record<string, string>> = {
    "CL.TE": request("POST /a", ["content-length: 6", "transfer-encoding: chunked"], "0\r\n\r\nG"),
    "TE.CL": request("POST /a", ["transfer-encoding: chunked", "content-length: 3"], "1\r\nx\r\n0\r\n\r\n"),
    "TE.TE": chunked("/a", "0\r\n\r\n", "transfer-encoding: x"),
    "TE with a tab": request("POST /a", ["transfer-encoding:\tchunked", "content-length: 3"], "0\r\n\r\n"),
    "TE before a space": request(
      "POST /a",
      ["transfer-encoding : chunked", "content-length: 3"],
      "0\r\n\r\n",
    ),
    "CL.CL": request("POST /a", ["content-length: 0", "content-length: 3"], "abc"),
    "CL.0": request("GET /a", ["content-length: 3"], "abc"),
    "a size that overflows": chunked("/a", "ffffffffffffffff1\r\nx\r\n0\r\n\r\n"),
  };
  it.skipIf(!hasNginx)("behind nginx, an attack becomes no request of its own", async () => {
    const url = await nginx(own.url, ["proxy_http_version 1.1;", 'proxy_set_header connection "";']);
    for (const [name, wire] of Object.entries(attacks)) {
      seen.length = 0;
      const { text } = await send(Number(new URL(url).port), [`${wire}${request("GET /last", [close])}`]);
      const paths = seen.map((one) => one.split(" ")[1]);
      expect(
        paths.filter((path) => path !== "/a" && path !== "/last"),
        name,
      ).toEqual([]);
      expect(statusesOf(text).length, name).toBeGreaterThanOrEqual(paths.length);
    }
  });
});
