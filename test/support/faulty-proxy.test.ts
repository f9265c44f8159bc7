import { describe, expect, it, onTestFinished } from "vitest";
import { BareCaller, until } from "./bare-caller.ts";
import { type FaultyProxyOptions, faultyProxy } from "./faulty-proxy.ts";
import { reply, upstream } from "./upstream.ts";

/** A server that says back what it hears, and tells how its connections ended. */
function echo() {
  const ends: string[] = [];
  const ended = Promise.withResolvers<void>();
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void socket.setNoDelay(true),
      data: (socket, bytes) => void socket.write(bytes),
      close(_, error) {
        ends.push(error ? "reset" : "closed");
        ended.resolve();
      },
    },
  });
  onTestFinished(() => server.stop(true));
  return { port: server.port, ends, ended: ended.promise };
}

describe("a faulty proxy without faults", () => {
  it("passes bytes and their end on both ways, and counts them", async () => {
    const target = echo();
    const proxy = faultyProxy(`http://127.0.0.1:${target.port}`);
    const caller = new BareCaller(proxy.port);
    const long = "0123456789".repeat(500_000);
    caller.socket.write(long);
    await caller.met(() => caller.text.length === long.length);
    expect(caller.text).toBe(long);
    expect(proxy.counters).toEqual({
      accepted: 1,
      open: 1,
      taken: long.length,
      up: long.length,
      down: long.length,
      upgradesBlocked: 0,
    });
    caller.socket.end();
    await caller.met(() => caller.closed !== undefined);
    expect({ ended: caller.ended, closed: caller.closed }).toEqual({ ended: true, closed: "" });
    await target.ended;
    expect(target.ends).toEqual(["closed"]);
    expect(proxy.counters.open).toBe(0);
  });

  it("makes a sender wait whose receiver does not read, instead of buffering everything", async () => {
    const flooding = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: flood, drain: flood, data() {} },
    });
    let sent = 0;
    function flood(socket: { write(bytes: Buffer): number }): void {
      for (let taken = 1; taken > 0; sent += taken) taken = socket.write(Buffer.alloc(65_536));
    }
    onTestFinished(() => flooding.stop(true));
    const proxy = faultyProxy(flooding.port);
    const caller = new BareCaller(proxy.port);
    caller.socket.pause();
    // It is full when nothing more was taken for a while: there is no signal for that.
    for (let before = -1; before !== sent; ) {
      before = sent;
      await Bun.sleep(150);
    }
    expect(sent).toBeGreaterThan(1024 * 1024);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    const full = sent;
    caller.socket.resume();
    await caller.met(() => caller.text.length > full);
  });
});

describe("delay", () => {
  it("is the same for each chunk, each way, and keeps the order", async () => {
    const target = echo();
    const proxy = faultyProxy(target.port, { delay: 20 });
    const caller = new BareCaller(proxy.port);
    const sent: number[] = [];
    for (let n = 0; n < 60; n++) {
      sent.push(performance.now());
      caller.socket.write(String.fromCharCode(48 + n));
      await Bun.sleep(5);
    }
    await caller.met(() => caller.text.length === 60);
    expect(caller.text).toBe(sent.map((_, n) => String.fromCharCode(48 + n)).join(""));
    // A busy machine delays some chunks, and two may arrive in one read. If each chunk waited for the one before it,
    // even the quickest of the last third would be 1,600 ms late.
    const lags = caller.times.map((time, i) => time - sent[i]!);
    for (const third of [lags.slice(0, 20), lags.slice(20, 40), lags.slice(40)]) {
      if (third.length === 0) continue;
      expect(Math.min(...third)).toBeGreaterThanOrEqual(39);
      expect(Math.min(...third)).toBeLessThan(800);
    }
  });

  it("can be changed under way, and chunks still arrive in order", async () => {
    const target = echo();
    const proxy = faultyProxy(target.port, { delay: 80 });
    const caller = new BareCaller(proxy.port);
    const start = performance.now();
    caller.socket.write("slow");
    await until(() => proxy.counters.taken === "slow".length);
    proxy.options.delay = 0;
    const other = new BareCaller(proxy.port);
    other.socket.write("x");
    await other.met(() => other.text === "x");
    caller.socket.write("fast");
    await caller.met(() => caller.text.length === 8);
    expect(caller.text).toBe("slowfast");
    expect(performance.now() - start).toBeGreaterThan(70);
  });
});

describe("connections that go wrong", () => {
  async function talking(options: FaultyProxyOptions = {}) {
    const target = echo();
    const proxy = faultyProxy(target.port, options);
    const caller = new BareCaller(proxy.port);
    caller.socket.write("a");
    await caller.met(() => caller.text === "a");
    return { target, proxy, caller };
  }

  it("stall: nothing arrives and no end is seen; everything arrives when it is over", async () => {
    const { target, proxy, caller } = await talking();
    proxy.stall();
    caller.socket.write("b");
    caller.socket.end();
    const newcomer = new BareCaller(proxy.port);
    newcomer.socket.write("c");
    await until(() => proxy.counters.accepted === 2);
    await Bun.sleep(60);
    expect({ text: caller.text, ended: caller.ended, ends: target.ends }).toEqual({
      text: "a",
      ended: false,
      ends: [],
    });
    expect(newcomer.text).toBe("");
    proxy.resume();
    await newcomer.met(() => newcomer.text === "c");
    await caller.met(() => caller.ended);
    expect(caller.text).toBe("ab");
  });

  it("stall one way: the other goes on", async () => {
    const { target, proxy, caller } = await talking();
    proxy.stall("down");
    caller.socket.write("b");
    await until(() => proxy.counters.up === 2);
    expect(proxy.counters.down).toBe(1);
    caller.socket.resetAndDestroy();
    await target.ended;
    expect(target.ends).toEqual(["reset"]);
  });

  it("cut: both sides see an end in good order", async () => {
    const { target, proxy, caller } = await talking();
    proxy.cut();
    await caller.met(() => caller.closed !== undefined);
    expect({ ended: caller.ended, closed: caller.closed }).toEqual({ ended: true, closed: "" });
    await target.ended;
    expect(target.ends).toEqual(["closed"]);
  });

  it("reset: both sides see a reset, and one side's own is passed on", async () => {
    const { target, proxy, caller } = await talking();
    proxy.reset();
    await caller.met(() => caller.closed !== undefined);
    expect(caller.closed).toBe("ECONNRESET");
    await target.ended;
    const next = await talking();
    next.caller.socket.resetAndDestroy();
    await next.target.ended;
    expect([...target.ends, ...next.target.ends]).toEqual(["reset", "reset"]);
  });

  it("kill after a time: each connection has that long", async () => {
    const start = performance.now();
    const { caller } = await talking({ killAfter: 80 });
    await caller.met(() => caller.closed !== undefined);
    expect(caller.closed).toBe("ECONNRESET");
    expect(performance.now() - start).toBeGreaterThan(70);
  });

  it("refuse: nobody can connect, who is connected stays; admit: the same port again, elsewhere if told", async () => {
    const { proxy, caller } = await talking();
    proxy.refuse();
    const refused = new BareCaller(proxy.port);
    await refused.met(() => refused.closed !== undefined);
    expect(refused.closed).toBe("ECONNREFUSED");
    caller.socket.write("b");
    await caller.met(() => caller.text === "ab");
    const other = upstream((_, connection) => connection.write(reply(200, "other")));
    proxy.leadTo(other.url);
    proxy.admit();
    expect(await (await fetch(proxy.url)).text()).toBe("other");
  });

  it("nobody behind it: the caller is reset", async () => {
    const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    gone.stop(true);
    const caller = new BareCaller(faultyProxy(gone.port).port);
    caller.socket.write("a");
    await caller.met(() => caller.closed !== undefined);
    expect(caller.closed).toBe("ECONNRESET");
  });
});
