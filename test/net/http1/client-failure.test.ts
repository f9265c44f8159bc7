import { describe, expect, it, onTestFinished } from "vitest";
import { faultyProxy } from "../../support/faulty-proxy.ts";
import { at, clientOf, failureOf, get, hello, partsOf, serve } from "./scripted-peer.ts";

describe("a call of the HTTP client fails", () => {
  it("when its signal aborts, and closes the connection", async () => {
    const asked = Promise.withResolvers<void>();
    const server = serve(() => asked.resolve());
    const stop = new AbortController();
    const answer = clientOf().request(at(server.port), { ...get, signal: stop.signal });
    await asked.promise;
    stop.abort();
    expect((await failureOf(answer)).kind).toBe("cancelled");
    await server.peers[0]!.gone.promise;
  });

  it("without a connection when its signal has aborted before", async () => {
    const server = serve(() => {});
    expect(
      (await failureOf(clientOf().request(at(server.port), { ...get, signal: AbortSignal.abort() }))).kind,
    ).toBe("cancelled");
    expect(server.peers).toEqual([]);
  });

  it("when its reader leaves the loop over the body, and closes the connection", async () => {
    const server = serve(({ socket }) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    for await (const part of partsOf(await clientOf().request(at(server.port), get))) {
      expect(part).toBe("part");
      break;
    }
    await server.peers[0]!.gone.promise;
  });

  it("when no response comes", async () => {
    const server = serve(() => {});
    const timeouts = { connect: 30_000, firstByte: 1, silence: 30_000 };
    expect((await failureOf(clientOf().request(at(server.port), { ...get, timeouts }))).kind).toBe("timeout");
    await server.peers[0]!.gone.promise;
  });

  it("when the peer takes no more of the request, but not while a slow line carries it (failure mode 216)", async () => {
    const body = Buffer.alloc(60_000_000, "x");
    let left = body.length;
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          left -= bytes.length;
          // The head of the request counts, too.
          if (left < 0) socket.end(hello);
        },
      },
    });
    onTestFinished(() => server.stop(true));
    // The line takes three seconds, and the buffers of the system hold a few megabytes.
    const timeouts = { connect: 30_000, firstByte: 2000, silence: 30_000 };
    const slow = faultyProxy(server.port, { megabits: 160 });
    const stuck = faultyProxy(server.port);
    stuck.stall();
    const send = (port: number) => clientOf().request(at(port), { ...get, method: "POST", body, timeouts });
    const [failure, response] = await Promise.all([failureOf(send(stuck.port)), send(slow.port)]);
    expect(failure.kind).toBe("timeout");
    expect(await response.text(100)).toBe("hello");
  });

  it("when the response falls silent, but not while the reader holds it back", async () => {
    const server = serve(({ socket }) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    const timeouts = { connect: 30_000, firstByte: 30_000, silence: 1 };
    const client = clientOf();
    const held = await client.request(at(server.port), { ...get, timeouts });
    held.pause();
    const silent = await client.request(at(server.port), { ...get, timeouts });
    expect((await failureOf(silent.text(100))).kind).toBe("timeout");
    expect(held.over).toBe(false);
    held.resume();
    expect((await failureOf(held.text(100))).kind).toBe("timeout");
  });

  it("when the name is not resolved in time", async () => {
    const client = clientOf({ resolve: () => new Promise(() => {}) });
    const timeouts = { connect: 1, firstByte: 30_000, silence: 30_000 };
    const failure = await failureOf(client.request(at(1, { hostname: "slow.test" }), { ...get, timeouts }));
    expect(failure).toMatchObject({ kind: "connect", cause: { code: "ETIMEDOUT" } });
  });

  it("when no server listens", async () => {
    const server = serve(() => {});
    server.stop();
    expect((await failureOf(clientOf().request(at(server.port), get))).kind).toBe("connect");
  });
});
