import { expect, it } from "vitest";
import { FrameMemory, FrameMeter } from "../../../../src/server/http/http1/frame-memory.ts";
import { Tunnel } from "../../../../src/server/http/http1/tunnel.ts";
import { testServer } from "../../../support/server.ts";

const request = Buffer.from("GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
const [text, continuation, ping] = [1, 0, 9];

/** A frame of a caller, masked with zeros. */
function frame(opcode: number, isLast: boolean, length: number): Buffer {
  const first = (isLast ? 128 : 0) | opcode;
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const header = Buffer.alloc(2 + size + 4);
  header[0] = first;
  header[1] = 128 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size > 0) header.writeUIntBE(length, size === 2 ? 2 : 4, size === 2 ? 2 : 6);
  return Buffer.concat([header, Buffer.alloc(length)]);
}

it.each([1, 7, 1000, 100_000])(
  "bytes of a message that is not whole are counted, %d at a time (T332)",
  (size) => {
    const meter = new FrameMeter();
    const push = (...parts: Buffer[]) => {
      const bytes = Buffer.concat(parts);
      for (let at = 0; at < bytes.length; at += size) meter.push(bytes.subarray(at, at + size));
      return meter.unfinished;
    };
    expect(push(request)).toBe(0);
    expect(push(frame(text, true, 5), frame(text, true, 0), frame(text, true, 70_000))).toBe(0);
    expect(push(frame(text, false, 300))).toBe(300);
    // A ping may come between the parts of a message.
    expect(push(frame(ping, true, 100), frame(continuation, false, 0))).toBe(300);
    expect(push(frame(continuation, false, 66_000))).toBe(66_300);
    expect(push(frame(continuation, true, 1))).toBe(0);
    expect(push(frame(text, true, 1000).subarray(0, 900))).toBe(892);
  },
);

it("the connection whose message has been unfinished for the longest is closed beyond the limit (T332)", () => {
  const memory = new FrameMemory(1_000_000);
  const dropped: string[] = [];
  const sender = (name: string) => ({ drop: () => void dropped.push(name) });
  const [small, first, second, third] = ["small", "first", "second", "third"].map(sender);
  memory.note(small!, 60_000);
  memory.note(first!, 100_000);
  memory.note(second!, 400_000);
  memory.note(first!, 400_000);
  expect(dropped).toEqual([]);
  memory.note(third!, 300_000);
  expect(dropped).toEqual(["first"]);
  memory.note(second!, 0);
  memory.note(third!, 900_000);
  expect(dropped).toEqual(["first"]);
});

it("a connection that was closed holds no memory, whatever still comes from it (T332)", () => {
  const memory = new FrameMemory(1_000_000);
  const connection = {
    unsent: 0,
    write() {},
    pauseReading() {},
    resumeReading() {},
    tunnelClosed() {},
  };
  const tunnel = new Tunnel(
    connection,
    request,
    memory,
    () => {},
    () => {},
  );
  const bytes = frame(text, true, 900_000);
  tunnel.send(bytes.subarray(0, 700_000));
  tunnel.drop();
  let isDropped = false;
  const next = {
    drop() {
      isDropped = true;
    },
  };
  memory.note(next, 100_000);
  tunnel.send(bytes.subarray(700_000, 800_000));
  memory.note(next, 900_000);
  expect(isDropped).toBe(false);
});

it("agents that send parts of frames of 8 MB and then nothing do not fill the memory (T332)", async () => {
  const server = await testServer();
  const { bearer } = await server.token("publisher", [{ role: "expose", resource: "llms" }]);
  const call = server.as(bearer);
  const part = frame(text, true, 8_000_000).subarray(0, 7_900_000);
  const agents = 12;
  let closed = 0;
  const sent = await Promise.all(
    Array.from({ length: agents }, async () => {
      const { body } = await call("POST", "/api/v1/llms/_provider-register", { protocol: 3, providers: [] });
      return await new Promise<Bun.Socket>((resolve, reject) => {
        let unsent: Buffer | undefined;
        const flush = (socket: Bun.Socket) => {
          if (!unsent) return;
          unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
          if (unsent.length === 0) resolve(socket);
        };
        void Bun.connect({
          hostname: "127.0.0.1",
          port: Number(new URL(server.url).port),
          socket: {
            open(socket) {
              socket.write(
                `GET /api/v1/llms/_provider-stream HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer ${bearer}\r\nx-mcpctl-provider-session: ${body.providerSessionId}\r\n\r\n`,
              );
            },
            data(socket) {
              unsent ??= part;
              flush(socket);
            },
            drain: flush,
            close(socket) {
              closed++;
              resolve(socket);
            },
          },
        }).catch(reject);
      });
    }),
  );
  // 64 MB are eight of them.
  while (closed < agents - 8) await Bun.sleep(10);
  expect(closed).toBeLessThan(agents - 4);
  for (const socket of sent) socket.end();
});
