import type { TCPSocketListener } from "bun";
import { onTestFinished } from "vitest";
import type { AtEnd } from "./binary.ts";
import { FaultyConnection, type Place } from "./faulty-connection.ts";

/**
 * The fate of a request that would upgrade: it is answered 426, its `Upgrade` and `Connection` headers are taken
 * out (nginx as it comes), or it is never answered.
 */
export type UpgradeBlock = "refuse" | "strip" | "hang";

/** Faults of connections that are opened from now on. `delay` and `megabits` hold for all connections. */
export interface FaultyProxyOptions {
  /** Port to listen on; a free one when not given. */
  port?: number;
  /** Milliseconds each way. The handshake itself takes none. */
  delay?: number;
  /** Megabits per second each way, for all connections together: one slow line. */
  megabits?: number;
  blockUpgrade?: UpgradeBlock;
  /** An HTTP proxy that buffers: requests, answers, or both go on when they are whole. */
  buffer?: { requests?: boolean; responses?: boolean };
  /** Resets each connection that is so old, in milliseconds. */
  killAfter?: number;
}

export interface FaultyProxyCounters {
  /** Connections taken so far, and those that are open. */
  accepted: number;
  open: number;
  /** Bytes that have come from callers. */
  taken: number;
  /** Bytes that have arrived at the target, and at callers. */
  up: number;
  down: number;
  /** Upgrades that were blocked. */
  upgradesBlocked: number;
}

export interface FaultyProxy {
  url: string;
  port: number;
  /** May be changed while it runs. */
  options: FaultyProxyOptions;
  counters: FaultyProxyCounters;
  /**
   * Takes connections and forwards nothing, and tells neither side when the other goes: TCP that is half open.
   *
   * @param way towards the target or away from it only; a connection that is opened meanwhile gets nowhere at all
   */
  stall(way?: "up" | "down"): void;
  /** Forwards what was held up, in order. */
  resume(): void;
  /** Closes all connections in good order (FIN) towards both sides. What was under way is lost. */
  cut(): void;
  /** Resets all connections (RST) towards both sides. */
  reset(): void;
  /** Nobody listens any more: connecting fails. Open connections stay. */
  refuse(): void;
  /** Listens again, on the same port. */
  admit(): void;
  /** Connections that are opened from now on lead there: a server that came back on another port. */
  leadTo(target: string | number): void;
  close(): void;
}

/**
 * Starts a TCP proxy whose faults are switched while it runs. It is gone at the end of the test.
 *
 * @param target a URL, or a port of this machine
 */
export function faultyProxy(
  target: string | number,
  options: FaultyProxyOptions = {},
  atEnd: AtEnd = onTestFinished,
): FaultyProxy {
  const connections = new Set<FaultyConnection>();
  const counters: FaultyProxyCounters = {
    accepted: 0,
    open: 0,
    taken: 0,
    up: 0,
    down: 0,
    upgradesBlocked: 0,
  };
  const slowLine = () => ({ rate: options.megabits! * 125, freeAt: 0 });
  const place: Place = {
    ...addressOf(target),
    options,
    counters,
    stalled: { up: false, down: false },
    line: options.megabits === undefined ? undefined : { up: slowLine(), down: slowLine() },
  };
  let listener: TCPSocketListener<FaultyConnection> | undefined;
  const listen = (port: number) =>
    Bun.listen<FaultyConnection>({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          counters.accepted++;
          counters.open++;
          socket.data = new FaultyConnection(socket, place);
          connections.add(socket.data);
        },
        data({ data }, bytes) {
          counters.taken += bytes.length;
          data.fromCaller(bytes);
        },
        drain: ({ data }) => data.down.drained(),
        end: ({ data }) => data.callerEnds(),
        close({ data }, error) {
          counters.open--;
          connections.delete(data);
          data.callerGone(error !== undefined);
        },
      },
    });
  listener = listen(options.port ?? 0);
  const { port } = listener;
  const each = (what: (connection: FaultyConnection) => void) => {
    for (const connection of [...connections]) what(connection);
  };
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}`,
    port,
    options,
    counters,
    stall(way) {
      if (way !== "down") place.stalled.up = true;
      if (way !== "up") place.stalled.down = true;
      each((connection) => connection.heed());
    },
    resume() {
      place.stalled = { up: false, down: false };
      each((connection) => connection.heed());
    },
    cut: () => each((connection) => connection.close()),
    reset: () => each((connection) => connection.reset()),
    refuse() {
      listener?.stop(false);
      listener = undefined;
    },
    admit() {
      listener ??= listen(port);
    },
    leadTo: (next) => void Object.assign(place, addressOf(next)),
    close() {
      proxy.refuse();
      proxy.reset();
    },
  };
  atEnd(() => proxy.close());
  return proxy;
}

function addressOf(target: string | number): { hostname: string; port: number } {
  if (typeof target === "number") return { hostname: "127.0.0.1", port: target };
  const { hostname, port } = new URL(target);
  return { hostname, port: Number(port || 80) };
}
