import { describe, expect, it } from "vitest";
import type { RequestOptions } from "../../../src/net/http1/client.ts";
import { at, clientOf, failureOf, get, hello, serve } from "./scripted-peer.ts";

describe("kept connections of the HTTP client", () => {
  const read = async (
    client: ReturnType<typeof clientOf>,
    port: number,
    options: Partial<RequestOptions> = {},
  ) => (await client.request(at(port), { ...get, ...options })).text(100);

  it("are used again after a response was read whole", async () => {
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

  it("are not used again after bytes that came while they were idle", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf();
    await read(client, server.port);
    server.peers[0]!.socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    await server.peers[0]!.gone.promise;
    expect(await read(client, server.port)).toBe("hello");
    expect(server.peers.length).toBe(2);
  });

  it("are replaced, once, if the peer closes them before any byte of a response", async () => {
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

  it("fail the call, which is not sent again, if the peer closes them after the first byte of a response", async () => {
    const server = serve(({ socket, request }) =>
      request === 0 ? socket.write(hello) : socket.end("HTTP/1.1 2"),
    );
    const client = clientOf();
    await read(client, server.port);
    expect((await failureOf(read(client, server.port))).kind).toBe("malformed");
    expect(server.requests.length).toBe(2);
  });

  it("are the only ones that are replaced: a call on a new connection is not sent again", async () => {
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

  it("are closed if they are over the idle limit", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf({ idleLimit: 1 });
    await Promise.all([read(client, server.port), read(client, server.port)]);
    await Promise.race(server.peers.map((peer) => peer.gone.promise));
    expect(server.peers.length).toBe(2);
  });
});
