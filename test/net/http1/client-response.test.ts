import type { Socket } from "bun";
import { describe, expect, it } from "vitest";
import { at, clientOf, failureOf, get, hello, type Peer, partsOf, serve } from "./scripted-peer.ts";

describe("a response of the HTTP client", () => {
  it("is read part by part before its end has come", async () => {
    const server = serve(({ socket }) =>
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"),
    );
    const answer = await clientOf().request(at(server.port), get);
    const parts: string[] = [];
    for await (const part of partsOf(answer)) {
      parts.push(part);
      if (parts.length === 1) server.peers[0]!.socket.write("3\r\ntwo\r\n0\r\n\r\n");
    }
    expect(parts).toEqual(["one", "two"]);
  });

  it("may last until the connection closes", async () => {
    const server = serve(({ socket }) => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it"));
    expect(await (await clientOf().request(at(server.port), get)).text(100)).toBe("all of it");
  });

  it("fails for its reader if it stops in the middle", async () => {
    const server = serve(({ socket }) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    const answer = await clientOf().request(at(server.port), get);
    expect((await failureOf(answer.text(100))).kind).toBe("malformed");
  });

  it("closes the connection if it is not HTTP", async () => {
    const server = serve(({ socket }) => socket.write("HTTP/1.1 200 OK\nx: y\n\r\n\r\n"));
    expect((await failureOf(clientOf().request(at(server.port), get))).kind).toBe("malformed");
    await server.peers[0]!.gone.promise;
  });

  it("closes the connection if it is over the limit", async () => {
    const server = serve(({ socket }) =>
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    );
    const answer = await clientOf().request(at(server.port), get);
    expect((await failureOf(answer.text(4))).kind).toBe("too-large");
    await server.peers[0]!.gone.promise;
  });

  it("is refused if it is over the limit and came whole", async () => {
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
    let blockedTurns = 0;
    const fill = (socket: Socket<Peer>) => {
      while (sent < size) {
        const written = socket.write(block.subarray(sent));
        if (written <= 0) {
          // The client shares this event loop: it has had as many turns to read.
          if (++blockedTurns === 50) stuck.resolve();
          return void setTimeout(fill, 1, socket);
        }
        blockedTurns = 0;
        sent += written;
      }
      stuck.resolve();
    };
    const server = serve(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
      fill(socket);
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

  it("is read 64 KiB in a turn of the event loop, in few parts, whatever its chunks are (T63)", async () => {
    const size = 400_000;
    const server = serve(({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(`${"1\r\nx\r\n".repeat(size)}0\r\n\r\n`);
    });
    const answer = await clientOf().request(at(server.port), get);
    let inTurn = 0;
    let most = 0;
    let parts = 0;
    let length = 0;
    const whole = Promise.withResolvers<void>();
    answer.pipe({
      data(bytes) {
        if (inTurn === 0) setImmediate(() => (inTurn = 0));
        inTurn += bytes.length;
        most = Math.max(most, inTurn);
        parts++;
        length += bytes.length;
      },
      end: whole.resolve,
      error: whole.reject,
    });
    await whole.promise;
    expect(length).toBe(size);
    // Six bytes of each chunk go over the wire. Reads of one turn may come before and after the mark of the turn.
    expect(most).toBeLessThan((4 * 64 * 1024) / 6);
    expect(parts).toBeLessThan(size / 100);
  });

  it("closes its connection if more comes behind it, also in a later turn", async () => {
    const body = "z".repeat(64 * 1024);
    const server = serve(({ socket }) => {
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}${hello}${"w".repeat(200_000)}`,
      );
    });
    const client = clientOf();
    const answer = await client.request(at(server.port), get);
    expect((await answer.bytes(1e6)).length).toBe(body.length);
    await server.peers[0]!.gone.promise;
    expect((await (await client.request(at(server.port), get)).text(1e6)).length).toBe(body.length);
    expect(server.peers).toHaveLength(2);
  });

  it("is read to its end if the peer closes while the response is paused", async () => {
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
