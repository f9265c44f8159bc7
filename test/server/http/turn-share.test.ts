import { afterEach, describe, expect, it } from "vitest";
import type { Catalogue } from "../../../src/server/core/catalogue/catalogue.ts";
import { RowWrites } from "../../../src/server/core/catalogue/row-writes.ts";
import { listenTcp } from "../../../src/server/http/listen.ts";
import type { TcpListener } from "../../../src/server/http/listener.ts";
import { joinedChunks } from "../../../src/wire/joined-chunks.ts";
import { TurnQueue, TurnShare } from "../../../src/wire/next-turn.ts";
import { spin, turnsOf } from "../../support/turns.ts";

let open: TcpListener | undefined;
afterEach(() => open?.close());

describe.each([
  ["Bun's listener", true],
  ["the listener of our own", false],
])("%s (T260)", (_, isPlain) => {
  const listen = (handle: (request: Request) => Response | Promise<Response>) => {
    open = listenTcp({ isPlain, hostname: "127.0.0.1", port: 0 }, handle);
    return open;
  };

  it("does not handle all pipelined requests in one turn of the event loop", async () => {
    const turns = countTurns();
    const handled = new Map<number, number>();
    const { port } = listen(() => {
      handled.set(turns.now, (handled.get(turns.now) ?? 0) + 1);
      const end = performance.now() + 1;
      while (performance.now() < end);
      return new Response();
    });
    const requests = 200;
    await sent(port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(requests), requests);
    turns.stop();
    const counts = [...handled.values()];
    expect(Math.max(...counts)).toBeLessThan(requests / 4);
    // Bun closes a connection whose next request comes before the response of the one before.
    if (!isPlain) expect(counts.reduce((sum, count) => sum + count)).toBe(requests);
  });

  it("does not handle the requests of very many connections in one turn (T331)", async () => {
    const turns = countTurns();
    const handled = new Map<number, number>();
    const { port } = listen(async () => {
      // The work goes on after what it has waited for, as a request with a body does.
      await Promise.resolve();
      handled.set(turns.now, (handled.get(turns.now) ?? 0) + 1);
      spin(1);
      return new Response();
    });
    const callers = await Promise.all(Array.from({ length: 100 }, () => opened(port)));
    const answers = callers.map(({ ask }) => ask());
    for (const answer of await Promise.all(answers)) expect(answer).toContain("HTTP/1.1 200");
    turns.stop();
    expect([...handled.values()].reduce((sum, count) => sum + count)).toBe(callers.length);
    expect(Math.max(...handled.values())).toBeLessThan(callers.length / 2);
  });

  it("joins the chunks of a body that has very many of them", async () => {
    let chunks = 0;
    let bytes = 0;
    const { port } = listen(async (request) => {
      for await (const { length } of joinedChunks(request.body!)) {
        chunks++;
        bytes += length;
      }
      return new Response();
    });
    const size = 300_000;
    const head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    await sent(port, `${head}${"1\r\nx\r\n".repeat(size)}0\r\n\r\n`, 1);
    expect(bytes).toBe(size);
    expect(chunks).toBeLessThan(size / 10);
  });
});

describe("the listener of our own", () => {
  it("reads a body in very many chunks in several turns of the event loop (T260)", async () => {
    const turns = countTurns();
    let first = 0;
    open = listenTcp({ hostname: "127.0.0.1", port: 0 }, async (request) => {
      first = turns.now;
      return new Response(String((await request.bytes()).length));
    });
    const head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    const size = 1_500_000;
    const text = await sent(open.port, `${head}${"1\r\nx\r\n".repeat(size)}0\r\n\r\n`, 1);
    turns.stop();
    expect(text).toContain(`\r\n\r\n${size}`);
    expect(turns.now - first).toBeGreaterThan(8);
  });
});

it("the share of a turn is over after its time, and begins anew with the next turn", async () => {
  const share = new TurnShare(0);
  expect([share.isOver, share.isOver]).toEqual([false, true]);
  await new Promise(setImmediate);
  expect([share.isOver, share.isOver]).toEqual([false, true]);
  await new Promise(setImmediate);
  share.renew();
  expect(share.isOver).toBe(true);
  await new Promise(setImmediate);
  expect(share.isOver).toBe(false);
});

it("work that waits for its turn is done in its order, no longer than its share in one turn (T331)", async () => {
  const turns = countTurns();
  const queue = new TurnQueue(new TurnShare(8));
  expect(queue.isFree).toBe(true);
  const done: { n: number; turn: number }[] = [];
  await new Promise<void>((resolve) => {
    for (let n = 0; n < 100; n++)
      queue.add(() => {
        done.push({ n, turn: turns.now });
        spin(1);
        if (n === 99) resolve();
      });
    expect(queue.isFree).toBe(false);
  });
  turns.stop();
  expect(done.map(({ n }) => n)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  const inTurn = [...Map.groupBy(done, ({ turn }) => turn).values()].map(({ length }) => length);
  expect(Math.max(...inTurn)).toBeLessThan(20);
});

it("writes that wait for each other are not all made in one turn (T331)", async () => {
  const writes = new RowWrites({} as Catalogue);
  const works = Array.from({ length: 50 }, () => writes.inTurn(async () => spin(1)));
  const { turns } = await turnsOf(Promise.all(works));
  expect(turns).toBeGreaterThan(5);
});

/** Counts the turns of the event loop. */
function countTurns() {
  const turns = { now: 0, stop: () => clearImmediate(next) };
  let next = setImmediate(count);
  function count() {
    turns.now++;
    next = setImmediate(count);
  }
  return turns;
}

/** Opens a connection, and returns a function that sends a request on it and returns the beginning of the response. */
async function opened(port: number): Promise<{ ask(): Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(socket, bytes) {
        resolve(bytes.toString("latin1"));
        socket.end();
      },
      close: () => resolve("closed"),
    },
  });
  return {
    ask() {
      socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      return promise;
    },
  };
}

/** Sends bytes, and returns what came when there are so many responses, or the connection is closed. */
function sent(port: number, text: string, responses: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let unsent = Buffer.from(text);
  let got = "";
  const flush = (socket: Bun.Socket) => {
    while (unsent.length > 0) {
      const written = socket.write(unsent);
      if (written <= 0) return;
      unsent = unsent.subarray(written);
    }
  };
  void Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: flush,
      drain: flush,
      data(socket, bytes) {
        got += bytes.toString("latin1");
        if (got.split("HTTP/1.1 2").length <= responses) return;
        socket.end();
        resolve(got);
      },
      close: () => resolve(got),
      error: () => resolve(got),
    },
  });
  return promise;
}
