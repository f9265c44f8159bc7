import type { Log } from "../../../log.ts";
import { describeError } from "../../core/describe-error.ts";
import type { Gauges } from "../../core/gauges.ts";
import type { Pulse } from "../../core/pulse.ts";
import { AcceptGate } from "./accept-gate.ts";
import { ClosedConnections } from "./closed-connections.ts";
import { Descriptors } from "./descriptors.ts";
import { openLibc } from "./libc.ts";
import { Sockets } from "./sockets.ts";
import { UnopenedConnections } from "./unopened-connections.ts";
import { type BusyPorts, mostIdle, type OpenConnection, overLimit } from "./victims.ts";

/** Milliseconds between two looks at the descriptors while the thread works. */
const lookInterval = 50;
/** Milliseconds between two looks at all connections. */
const sweepInterval = 1000;
/** The most of the time that looks at all connections may take. */
const sweepShare = 0.003;
/** Milliseconds between two rounds while descriptors are short. */
const roundInterval = 1;
/** Milliseconds between two rounds in which nothing can be closed. */
const stuckInterval = 20;
/** Milliseconds without a closed connection after which descriptors are no longer short. */
const calmAfter = 1000;
/** Milliseconds between two lines in the log about errors. */
const faultInterval = 60_000;

/** The most connections that wait in the kernel: beyond them a caller tries again after a second. Linux allows as many. */
const mostWaiting = 4096;

export interface ConnectionLimiterOptions {
  /** The port on which this process listens. */
  port: number;
  /** The most connections of one address; 0 for no limit. Without it, a quarter of the descriptors, 1,000 at most. */
  maxPerAddress?: number | undefined;
  /** Seconds without an acknowledgement after which a peer has vanished; 120 if not given. */
  vanishedSeconds?: number | undefined;
  /** True for an address that may have any number of connections. */
  isExempt(address: string): boolean;
  /** The requests under way, by the port of their peer. */
  busyPorts(): BusyPorts;
  /** The ports of the peers of connections that have shaken hands; undefined without TLS. */
  openPorts?: (() => ReadonlySet<number>) | undefined;
  /** Seconds without a request after which a connection is closed; 60 if not given. */
  idleSeconds?: number | undefined;
  pulse: Pulse;
  gauges: Gauges;
  log: Log;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

/** The connections over TCP of a server. */
export interface ConnectionCounts {
  open: number;
  /** Connections that the server closed since its start, by reason. */
  closed: ClosedConnections["counts"];
}

/** Finds the socket of a port on which this process listens, and its places in the event loops of all threads. */
function findListener(descriptors: Descriptors, port: number) {
  const libc = openLibc();
  const sockets = libc && Sockets.find(libc, descriptors, port);
  const gates = (sockets?.listeners ?? []).map((listener) => AcceptGate.find(libc!, listener));
  const open = gates.filter((gate) => gate?.isOpen === true) as AcceptGate[];
  return sockets && open.length > 0 ? { sockets, gates: open } : undefined;
}

/**
 * Limits the connections of a listener. In ordinary times the limit of the process on descriptors is lower than the
 * system allows. When connections have taken all, new ones wait in the kernel, the reserve is opened to everything else,
 * idle connections are closed, and new ones are accepted a few at a time.
 */
export class ConnectionLimiter {
  readonly #options: ConnectionLimiterOptions;
  #sockets: Sockets;
  readonly #descriptors: Descriptors;
  #gates: readonly AcceptGate[];
  readonly #backlog: number;
  readonly #maxPerAddress: number;
  readonly #closed: ClosedConnections;
  readonly #unopened: UnopenedConnections | undefined;
  readonly #stop: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isShort = false;
  #nextSweep = 0;
  #lastClosed = 0;
  #lastFault = Number.NEGATIVE_INFINITY;

  private constructor(
    options: ConnectionLimiterOptions,
    {
      sockets,
      descriptors,
      gates,
    }: { sockets: Sockets; descriptors: Descriptors; gates: readonly AcceptGate[] },
  ) {
    this.#options = options;
    this.#closed = new ClosedConnections(options.log);
    const { openPorts, idleSeconds = 60 } = options;
    this.#unopened = openPorts && new UnopenedConnections(openPorts, idleSeconds * 1000);
    this.#sockets = sockets;
    this.#descriptors = descriptors;
    this.#gates = gates;
    this.#backlog = Math.min(mostWaiting, Math.max(16, Math.floor(descriptors.hard / 4)));
    this.#maxPerAddress = options.maxPerAddress ?? Math.min(1000, Math.floor(descriptors.ordinary / 4));
    this.#configure();
    descriptors.allow(descriptors.ordinary);
    this.#registerGauges();
    this.#stop = options.pulse.every(lookInterval, () => this.#guarded(() => this.#look()));
  }

  /** Begins to limit connections. Returns undefined where the system does not let a process see its sockets. */
  static open(options: ConnectionLimiterOptions): ConnectionLimiter | undefined {
    const libc = openLibc();
    const descriptors = libc && new Descriptors(libc);
    const found = descriptors && findListener(descriptors, options.port);
    return found && new ConnectionLimiter(options, { ...found, descriptors });
  }

  /** Goes on with another listener that has taken the place of the one before, on the same port. */
  followListener(): void {
    const found = findListener(this.#descriptors, this.#options.port);
    if (!found) return;
    this.#sockets = found.sockets;
    this.#gates = found.gates;
    this.#configure();
    if (this.#isShort) this.#pause();
  }

  /** Ends the limits, before the listener closes. */
  close(): void {
    this.#stop();
    clearTimeout(this.#timer);
    this.#resume();
    this.#descriptors.allow(this.#descriptors.hard);
  }

  get counts(): ConnectionCounts {
    return { open: this.#sockets.list().length, closed: this.#closed.counts };
  }

  #configure(): void {
    this.#sockets.configure(this.#backlog, this.#options.vanishedSeconds ?? 120);
  }

  #look(): void {
    if (this.#isShort) return;
    if (this.#descriptors.isFull) {
      this.#begin();
      this.#makeRoom();
    } else if (this.#options.elapsed() >= this.#nextSweep) this.#sweep();
  }

  /** Goes from round to round as long as descriptors are short. */
  #makeRoom(): void {
    let next = lookInterval;
    this.#guarded(() => {
      next = this.#round();
    });
    if (!this.#isShort) return;
    this.#timer = setTimeout(() => this.#makeRoom(), next);
    this.#timer.unref();
  }

  /** Nothing waits for a timer: an error that leaves it would end the process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#logFault(error);
    }
  }

  #logFault(error: unknown): void {
    const now = this.#options.elapsed();
    if (now - this.#lastFault < faultInterval) return;
    this.#lastFault = now;
    this.#options.log.error(`cannot limit connections: ${describeError(error)}`);
  }

  #pause(): void {
    for (const gate of this.#gates) gate.pause();
  }

  #resume(): void {
    for (const gate of this.#gates) gate.resume();
  }

  #begin(): void {
    this.#pause();
    this.#isShort = true;
  }

  #beCalm(): void {
    this.#descriptors.allow(this.#descriptors.ordinary);
    this.#resume();
    this.#isShort = false;
  }

  /** Makes room, or accepts what waits. Returns the milliseconds to the next round. */
  #round(): number {
    const { ordinary, hard } = this.#descriptors;
    this.#descriptors.allow(hard);
    const used = this.#descriptors.list().length;
    const surplus = used - Math.floor(ordinary / 2);
    if (surplus > 0) {
      const victims = mostIdle(this.#sockets.list(), this.#options.busyPorts(), surplus);
      this.#close(victims, "descriptors");
      if (victims.length > 0) return roundInterval;
    }
    if (used > ordinary - this.#backlog) return stuckInterval;
    if (this.#options.elapsed() - this.#lastClosed > calmAfter) this.#beCalm();
    else {
      // Bun accepts all that come while it accepts, so the reserve is closed meanwhile.
      this.#descriptors.allow(ordinary);
      for (const gate of this.#gates) gate.acceptOnce();
    }
    return roundInterval;
  }

  #sweep(): void {
    const began = this.#options.elapsed();
    this.#nextSweep = began + sweepInterval;
    const { isExempt, busyPorts } = this.#options;
    const connections = this.#sockets.list();
    const vanished = connections.filter(({ hasVanished }) => hasVanished);
    this.#end(vanished);
    this.#closed.addVanished(vanished.length);
    if (this.#unopened) this.#end(this.#unopened.late(connections, began));
    const limits = { maxPerAddress: this.#maxPerAddress || Number.POSITIVE_INFINITY, isExempt };
    this.#close(overLimit(connections, busyPorts(), limits), "address");
    const ended = this.#options.elapsed();
    // With many connections a look takes milliseconds.
    this.#nextSweep = ended + Math.max(sweepInterval, (ended - began) / sweepShare);
  }

  #close(victims: readonly OpenConnection[], reason: "address" | "descriptors"): void {
    if (victims.length === 0) return;
    this.#end(victims);
    this.#lastClosed = this.#options.elapsed();
    const cause =
      reason === "address"
        ? `${victims[0]!.address} has more than ${this.#maxPerAddress} (--max-connections-per-address)`
        : `all ${this.#descriptors.hard} descriptors are in use (ulimit -n)`;
    this.#closed.add(reason, victims.length, cause, this.#lastClosed);
  }

  #end(victims: readonly OpenConnection[]): void {
    for (const victim of victims) this.#sockets.end(victim);
  }

  #registerGauges(): void {
    const { gauges } = this.#options;
    gauges.gauge("mcpctl_open_connections", "Connections over TCP", () => this.counts.open);
    gauges.gauge(
      "mcpctl_connections_closed_total",
      "Connections closed by reason: too many of one address, no descriptors left, or a peer that has vanished",
      () => Object.entries(this.#closed.counts).map(([reason, count]) => [{ reason }, count] as const),
      "counter",
    );
  }
}
