import type { Socket, TCPSocketListener } from "bun";
import { afterEach, describe, expect, it } from "vitest";
import {
  createHttpClient,
  type HttpClientOptions,
  type RequestOptions,
} from "../../../src/net/http1/client.ts";
import { HttpFailure } from "../../../src/net/http1/exchange.ts";

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

interface Peer {
  socket: Socket<Peer>;
  /** The number of this connection, from 0. */
  connection: number;
  /** How many requests came on it before this one. */
  request: number;
  got: string;
  gone: PromiseWithResolvers<void>;
}

/** A server that speaks what the script writes. A request is over at its declared length. */
function serve(script: (peer: Peer) => void, options: { hostname?: string; tls?: Bun.TLSOptions } = {}) {
  const peers: Peer[] = [];
  const requests: string[] = [];
  const server: TCPSocketListener<Peer> = Bun.listen<Peer>({
    hostname: "127.0.0.1",
    port: 0,
    ...options,
    socket: {
      open(socket) {
        socket.data = {
          socket,
          connection: peers.length,
          request: 0,
          got: "",
          gone: Promise.withResolvers(),
        };
        peers.push(socket.data);
      },
      data(socket, bytes) {
        const peer = socket.data;
        peer.got += bytes.toString("latin1");
        const head = peer.got.indexOf("\r\n\r\n");
        const length = Number(/content-length: (\d+)/.exec(peer.got)?.[1] ?? 0);
        if (head === -1 || peer.got.length < head + 4 + length) return;
        requests.push(peer.got);
        peer.got = "";
        script(peer);
        peer.request++;
      },
      close: (socket) => socket.data.gone.resolve(),
      error: () => {},
    },
  });
  toClose.push(() => server.stop(true));
  return { peers, requests, port: server.port };
}

function clientOf(options: HttpClientOptions = {}) {
  const client = createHttpClient({ tick: 5, ...options });
  toClose.push(() => client.close());
  return client;
}

const at = (port: number, more: Record<string, unknown> = {}) =>
  ({ protocol: "http:", hostname: "127.0.0.1", port, path: "/", ...more }) as const;
const get: RequestOptions = {
  method: "GET",
  headers: {},
  timeouts: { connect: 2000, firstByte: 2000, silence: 2000 },
};
const hello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

async function failureOf(promise: Promise<unknown>): Promise<HttpFailure> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}

describe("the request on the wire", () => {
  it("is what was asked, to the byte", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const answer = await clientOf().request(at(server.port, { path: "/a/../b?c=%20" }), {
      ...get,
      method: "POST",
      headers: { "X-Key": "k", accept: "*/*" },
      body: "ü",
    });
    expect(await answer.text(100)).toBe("hello");
    expect(server.requests).toEqual([
      `POST /a/../b?c=%20 HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nX-Key: k\r\naccept: */*\r\ncontent-length: 2\r\n\r\n\xc3\xbc`,
    ]);
  });

  it("takes a body of many megabytes through a socket that takes it in pieces", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const body = new Uint8Array(12_000_000).fill(97);
    const answer = await clientOf().request(at(server.port), { ...get, method: "PUT", body });
    expect(answer.status).toBe(200);
    expect(server.requests[0]!.length - server.requests[0]!.indexOf("\r\n\r\n") - 4).toBe(body.length);
    expect(server.requests[0]!.endsWith("a")).toBe(true);
  });

  it("is never sent when a part of it could end a line early or change the framing", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf();
    const send = (target: object, options: object) =>
      client.request(at(server.port, { ...target }), { ...get, ...options });
    for (const value of ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "ä"]) {
      await expect(send({}, { headers: { key: value } })).rejects.toThrow(TypeError);
      await expect(send({}, { headers: { [`k${value}`]: "v" } })).rejects.toThrow(TypeError);
      await expect(send({ path: `/${value}` }, {})).rejects.toThrow(TypeError);
      await expect(send({ hostname: `127.0.0.1${value}` }, {})).rejects.toThrow(TypeError);
      await expect(send({}, { method: `GET${value}` })).rejects.toThrow(TypeError);
    }
    for (const path of ["", "http://other/", "/a b"])
      await expect(send({ path }, {})).rejects.toThrow(TypeError);
    for (const name of ["Host", "content-length", "Transfer-Encoding", "connection"]) {
      await expect(send({}, { headers: { [name]: "1" } })).rejects.toThrow(TypeError);
    }
    expect(server.peers).toEqual([]);
  });
});

describe("the answer", () => {
  it("streams, part by part, before its end has come", async () => {
    const server = serve(({ socket }) =>
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"),
    );
    const answer = await clientOf().request(at(server.port), get);
    const parts: string[] = [];
    for await (const part of answer) {
      parts.push(part.toString());
      if (parts.length === 1) server.peers[0]!.socket.write("3\r\ntwo\r\n0\r\n\r\n");
    }
    expect(parts).toEqual(["one", "two"]);
  });

  it("may last until the close", async () => {
    const server = serve(({ socket }) => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it"));
    expect(await (await clientOf().request(at(server.port), get)).text(100)).toBe("all of it");
  });

  it("that stops in the middle is an error, to the reader of the body", async () => {
    const server = serve(({ socket }) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    const answer = await clientOf().request(at(server.port), get);
    expect((await failureOf(answer.text(100))).kind).toBe("malformed");
  });

  it("that is not HTTP closes the connection", async () => {
    const server = serve(({ socket }) => socket.write("HTTP/1.1 200 OK\nx: y\n\r\n\r\n"));
    expect((await failureOf(clientOf().request(at(server.port), get))).kind).toBe("malformed");
    await server.peers[0]!.gone.promise;
  });

  it("over the limit is refused and closes the connection", async () => {
    const server = serve(({ socket }) =>
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    );
    const answer = await clientOf().request(at(server.port), get);
    expect((await failureOf(answer.text(4))).kind).toBe("too-large");
    await server.peers[0]!.gone.promise;
  });

  it("over the limit is refused when it came whole", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    expect((await failureOf((await clientOf().request(at(server.port), get)).text(4))).kind).toBe(
      "too-large",
    );
  });

  it("waits at the peer while nobody reads it, and then comes whole", async () => {
    const size = 32_000_000;
    const block = Buffer.alloc(size, "x");
    let sent = 0;
    const stuck = Promise.withResolvers<void>();
    const fill = (socket: Socket<Peer>) => {
      for (let turns = 0; sent < size; ) {
        const written = socket.write(block.subarray(sent));
        sent += Math.max(written, 0);
        if (written <= 0 && turns++ === 0) return void setTimeout(fill, 1, socket);
      }
    };
    const server = serve(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
      fill(socket);
      setTimeout(stuck.resolve, 100);
    });
    const answer = await clientOf().request(at(server.port), get);
    await stuck.promise;
    expect(sent).toBeLessThan(size);
    let length = 0;
    let pauses = 0;
    const whole = Promise.withResolvers<void>();
    answer.pipe({
      data(bytes) {
        length += bytes.length;
        if (pauses++ > 50) return;
        answer.pause();
        setImmediate(() => answer.resume());
      },
      end: whole.resolve,
      error: whole.reject,
    });
    await whole.promise;
    expect(length).toBe(size);
  });

  it("closed by the peer while paused is still read to its end", async () => {
    const body = Buffer.alloc(300_000, "y");
    const server = serve(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`);
      socket.end(body);
    });
    const answer = await clientOf().request(at(server.port), get);
    answer.pause();
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer.resume();
    expect((await answer.bytes(1e6)).length).toBe(body.length);
  });
});

describe("kept connections", () => {
  const read = async (
    client: ReturnType<typeof clientOf>,
    port: number,
    options: Partial<RequestOptions> = {},
  ) => (await client.request(at(port), { ...get, ...options })).text(100);

  it("are used again after an answer read whole", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf();
    for (let turn = 0; turn < 3; turn++) expect(await read(client, server.port)).toBe("hello");
    expect(server.peers.length).toBe(1);
  });

  const last: Record<string, string> = {
    "connection: close": "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
    "HTTP/1.0": "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "bytes after the end": `${hello}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`,
  };
  for (const [name, wire] of Object.entries(last)) {
    it(`are not used again after ${name}`, async () => {
      const server = serve(({ socket, connection }) => socket.write(connection === 0 ? wire : hello));
      const client = clientOf();
      expect(await read(client, server.port)).toBe("hello");
      expect(await read(client, server.port)).toBe("hello");
      expect(server.peers.length).toBe(2);
      await server.peers[0]!.gone.promise;
    });
  }

  it("are not used again once bytes came while idle", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf();
    await read(client, server.port);
    server.peers[0]!.socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    await server.peers[0]!.gone.promise;
    expect(await read(client, server.port)).toBe("hello");
    expect(server.peers.length).toBe(2);
  });

  it("closed by the peer before any byte of an answer are replaced, once", async () => {
    const server = serve(({ socket, request }) => (request === 0 ? socket.write(hello) : socket.end()));
    const client = clientOf();
    await read(client, server.port);
    expect(await read(client, server.port, { method: "POST", body: "again" })).toBe("hello");
    expect(server.requests.map((request) => request.slice(-5))).toEqual([
      "\n\r\n".padStart(5, server.requests[0]!.slice(-5)),
      "again",
      "again",
    ]);
    expect(server.peers.length).toBe(2);
  });

  it("closed after the first byte of an answer fail the call, which is not sent again", async () => {
    const server = serve(({ socket, request }) =>
      request === 0 ? socket.write(hello) : socket.end("HTTP/1.1 2"),
    );
    const client = clientOf();
    await read(client, server.port);
    expect((await failureOf(read(client, server.port))).kind).toBe("malformed");
    expect(server.requests.length).toBe(2);
  });

  it("a fresh connection closed before the answer fails the call, which is not sent again", async () => {
    const server = serve(({ socket }) => socket.end());
    expect((await failureOf(read(clientOf(), server.port))).kind).toBe("closed");
    expect(server.requests.length).toBe(1);
  });

  it("are closed after their idle time", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf({ idleTime: 1 });
    await read(client, server.port);
    await server.peers[0]!.gone.promise;
  });

  it("over the idle limit are closed", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf({ idleLimit: 1 });
    await Promise.all([read(client, server.port), read(client, server.port)]);
    await Promise.race(server.peers.map((peer) => peer.gone.promise));
    expect(server.peers.length).toBe(2);
  });
});

describe("giving up", () => {
  it("cancels by the signal: closes the connection and rejects", async () => {
    const asked = Promise.withResolvers<void>();
    const server = serve(() => asked.resolve());
    const stop = new AbortController();
    const answer = clientOf().request(at(server.port), { ...get, signal: stop.signal });
    await asked.promise;
    stop.abort();
    expect((await failureOf(answer)).kind).toBe("cancelled");
    await server.peers[0]!.gone.promise;
  });

  it("does not connect for a signal that has already fired", async () => {
    const server = serve(() => {});
    expect(
      (await failureOf(clientOf().request(at(server.port), { ...get, signal: AbortSignal.abort() }))).kind,
    ).toBe("cancelled");
    expect(server.peers).toEqual([]);
  });

  it("leaving the loop over the body closes the connection", async () => {
    const server = serve(({ socket }) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    for await (const part of await clientOf().request(at(server.port), get)) {
      expect(part.toString()).toBe("part");
      break;
    }
    await server.peers[0]!.gone.promise;
  });

  it("when no answer comes", async () => {
    const server = serve(() => {});
    const timeouts = { connect: 2000, firstByte: 1, silence: 2000 };
    expect((await failureOf(clientOf().request(at(server.port), { ...get, timeouts }))).kind).toBe("timeout");
    await server.peers[0]!.gone.promise;
  });

  it("when the answer falls silent, but not while the reader holds it", async () => {
    const server = serve(({ socket }) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    const timeouts = { connect: 2000, firstByte: 2000, silence: 1 };
    const client = clientOf();
    const held = await client.request(at(server.port), { ...get, timeouts });
    held.pause();
    const silent = await client.request(at(server.port), { ...get, timeouts });
    expect((await failureOf(silent.text(100))).kind).toBe("timeout");
    expect(held.over).toBe(false);
    held.resume();
    expect((await failureOf(held.text(100))).kind).toBe("timeout");
  });

  it("when the name takes too long", async () => {
    const client = clientOf({ resolve: () => new Promise(() => {}) });
    const timeouts = { connect: 1, firstByte: 2000, silence: 2000 };
    expect(
      (await failureOf(client.request(at(1, { hostname: "slow.test" }), { ...get, timeouts }))).kind,
    ).toBe("timeout");
  });

  it("when nobody listens", async () => {
    const server = serve(() => {});
    toClose.pop()!();
    expect((await failureOf(clientOf().request(at(server.port), get))).kind).toBe("connect");
  });
});

describe("addresses", () => {
  it("are checked before anything connects, every one of them", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const seen: string[] = [];
    const client = clientOf({
      resolve: async () => ["127.0.0.1", "169.254.169.254"],
      checkAddress(address, hostname) {
        seen.push(`${hostname} ${address}`);
        if (address.startsWith("169.254.")) throw new Error("link-local");
      },
    });
    expect((await failureOf(client.request(at(server.port, { hostname: "rebind.test" }), get))).kind).toBe(
      "refused",
    );
    expect(seen).toEqual(["rebind.test 127.0.0.1", "rebind.test 169.254.169.254"]);
    expect(server.peers).toEqual([]);
  });

  it("are asked for once a connection, and the next is tried when one refuses", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    let asked = 0;
    const client = clientOf({
      resolve: async () => {
        asked++;
        return ["::1", "127.0.0.1"];
      },
    });
    for (let turn = 0; turn < 2; turn++) {
      expect(await (await client.request(at(server.port, { hostname: "two.test" }), get)).text(100)).toBe(
        "hello",
      );
    }
    expect(asked).toBe(1);
    expect(server.requests[0]).toContain(`host: two.test:${server.port}\r\n`);
  });

  it("may be IPv6 literals, with brackets or without", async () => {
    const server = serve(({ socket }) => socket.write(hello), { hostname: "::1" });
    for (const hostname of ["::1", "[::1]"]) {
      const answer = await clientOf().request(at(server.port, { hostname }), get);
      expect(await answer.text(100)).toBe("hello");
    }
    expect(server.requests[0]).toContain(`host: [::1]:${server.port}\r\n`);
  });

  it("a name without any fails", async () => {
    const client = clientOf({ resolve: async () => [] });
    expect((await failureOf(client.request(at(1, { hostname: "none.test" }), get))).kind).toBe("connect");
  });
});

describe("TLS", async () => {
  const cert = await Bun.file(`${import.meta.dirname}/../../fixtures/tls/localhost.crt`).text();
  const key = await Bun.file(`${import.meta.dirname}/../../fixtures/tls/localhost.key`).text();
  const serveTls = () => serve(({ socket }) => socket.write(hello), { tls: { cert, key } });
  const resolve = async () => ["127.0.0.1"];

  it("sends to a peer whose certificate is trusted and bears the name, pinned to the address", async () => {
    const server = serveTls();
    const client = clientOf({ resolve, tls: { ca: cert } });
    for (let turn = 0; turn < 2; turn++) {
      const answer = await client.request(
        at(server.port, { protocol: "https:", hostname: "good.test" }),
        get,
      );
      expect(await answer.text(100)).toBe("hello");
    }
    expect(server.peers.length).toBe(1);
  });

  it("sends nothing to a peer with another name, an untrusted certificate or an address for a name", async () => {
    const server = serveTls();
    const trusting = clientOf({ resolve, tls: { ca: cert, rejectUnauthorized: false } });
    const target = (hostname: string) => at(server.port, { protocol: "https:", hostname });
    expect((await failureOf(trusting.request(target("evil.test"), get))).kind).toBe("connect");
    expect((await failureOf(trusting.request(target("127.0.0.1"), get))).kind).toBe("connect");
    expect((await failureOf(clientOf({ resolve }).request(target("good.test"), get))).kind).toBe("connect");
    expect(server.requests).toEqual([]);
  });

  it("gives up a peer that never answers the handshake", async () => {
    const server = serve(() => {});
    const target = at(server.port, { protocol: "https:", hostname: "good.test" });
    const timeouts = { connect: 20, firstByte: 2000, silence: 2000 };
    const failure = await failureOf(clientOf({ resolve }).request(target, { ...get, timeouts }));
    expect(["connect", "timeout"]).toContain(failure.kind);
    await server.peers[0]!.gone.promise;
  });
});
