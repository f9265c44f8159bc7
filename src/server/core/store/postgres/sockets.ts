import { Duplex } from "node:stream";
import { type Dialled, dial } from "./dial.ts";
import { lastError } from "./last-error.ts";
import type { PostgresSettings } from "./settings.ts";

/** The sockets of one driver, with the time when each last received data. */
export interface WatchedSockets {
  /** Makes a socket for the driver's option `socket`, and connects it in the background. */
  open(): Duplex;
  /**
   * Destroys the sockets that have received nothing for some milliseconds, but for those in a transaction that sends
   * nothing: there the database is not asked. If a query waited on one of them, new ones begin with the next host: a primary
   * that has vanished refuses no connection.
   */
  destroySilent(time: number): void;
  /**
   * Destroys the sockets on which no query runs, because their server does not work any more, and lets new ones begin
   * with the next host. Resolves when the driver knows of it.
   */
  leaveServer(): Promise<void>;
  /** True if a connection to another machine was made without TLS. */
  readonly isExposed: boolean;
}

type Settings = Pick<PostgresSettings, "hosts" | "tls" | "connectTimeout">;

/** Milliseconds between two changes of the host. The connections of one server all fail at about the same time. */
const hostInterval = 1000;

/**
 * Makes sockets that can be destroyed when the database does not answer, because its process hangs or packets get lost.
 * The driver itself would wait for ever on such a connection, and would use it for the next query. With a socket of ours
 * it also knows nothing of TLS and of several hosts: both are handled here.
 */
export function watchedSockets(
  { hosts, tls, connectTimeout }: Settings,
  elapsed = performance.now.bind(performance),
): WatchedSockets {
  const open = new Set<DatabaseSocket>();
  let first = 0;
  let changedAt = Number.NEGATIVE_INFINITY;
  let isExposed = false;

  /** @param onTry gets the number of each host before it is tried */
  async function connect(onTry: (host: number) => void): Promise<Dialled> {
    const begun = first;
    let failure: unknown;
    for (let i = 0; i < hosts.length; i++) {
      const host = (begun + i) % hosts.length;
      const target = hosts[host]!;
      onTry(host);
      try {
        const dialled = await dial(target, tls, connectTimeout * 1000);
        // The ones before it would cost each new connection their time.
        if (first === begun) first = host;
        if (!dialled.isEncrypted && "host" in target && !isLoopback(target.host)) isExposed = true;
        return dialled;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  function nextHost(): void {
    changedAt = elapsed();
    first = (first + 1) % hosts.length;
  }

  return {
    open() {
      const socket = new DatabaseSocket(connect, elapsed);
      open.add(socket);
      // The driver listens for errors a moment later, and stops when the socket is closed. An error that nobody listens
      // for would end the process.
      const ignoreErrors = () => void socket.on("error", () => {});
      ignoreErrors();
      socket.on("close", () => {
        open.delete(socket);
        queueMicrotask(ignoreErrors);
      });
      return socket;
    },
    destroySilent(time) {
      const silent = [...open].filter((socket) => !socket.isHeld && elapsed() - socket.lastReceived >= time);
      // Queries that began at the host before it say nothing about this one.
      if (silent.some((socket) => socket.host === first && !socket.isIdle)) nextHost();
      for (const socket of silent) socket.destroy();
    },
    async leaveServer() {
      if (elapsed() - changedAt >= hostInterval) nextHost();
      const left = [...open].filter((socket) => socket.isIdle);
      await Promise.all(
        left.map((socket) => {
          const closed = new Promise((resolve) => socket.once("close", resolve));
          socket.destroy();
          return closed;
        }),
      );
    },
    get isExposed() {
      return isExposed;
    },
  };
}

/** True for a name or address of this machine itself. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The end of a response, `ReadyForQuery`, when the connection is outside a transaction (state "I"), and within one ("T"). */
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const readyInTransaction = Buffer.from([0x5a, 0, 0, 0, 5, 0x54]);

/** A socket that connects by itself: what is written before waits. */
class DatabaseSocket extends Duplex {
  /** Time of the last data, or of the last attempt to connect, on the monotonic clock. */
  lastReceived: number;
  /** The number of the host to which it leads. */
  host = -1;
  readonly #elapsed: () => number;
  #inner: Dialled["socket"] | undefined;
  /** Sends what was written before there was a connection. */
  #onConnect: (() => void) | undefined;
  #isReady = false;
  #isHeld = false;
  #last: Buffer | undefined;

  constructor(connect: (onTry: (host: number) => void) => Promise<Dialled>, elapsed: () => number) {
    super({ allowHalfOpen: false });
    this.#elapsed = elapsed;
    this.lastReceived = elapsed();
    connect((host) => {
      this.host = host;
      this.lastReceived = elapsed();
    }).then(
      ({ socket }) => this.#use(socket),
      (error) => this.destroy(error),
    );
  }

  /** True if no query runs on the connection. */
  get isIdle(): boolean {
    return this.#isReady;
  }

  /** True if the connection is in a transaction, and no query runs on it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The driver asks for the state by the names of `net.Socket`. */
  get readyState(): "opening" | "open" | "closed" {
    if (this.destroyed) return "closed";
    return this.#inner ? "open" : "opening";
  }

  setKeepAlive(enable: boolean, delay: number): this {
    this.#inner?.setKeepAlive(enable, delay);
    return this;
  }

  #use(socket: Dialled["socket"]): void {
    if (this.destroyed) return void socket.destroy();
    this.#inner = socket;
    socket.setKeepAlive(true, 60_000);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.lastReceived = this.#elapsed();
      this.#last = chunk;
      const end = chunk.subarray(-ready.length);
      this.#isReady = end.equals(ready);
      this.#isHeld = end.equals(readyInTransaction);
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => {
      const error = this.#last && lastError(this.#last);
      if (error) this.destroy(error);
      else this.push(null);
    });
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
    socket.resume();
    this.#onConnect?.();
  }

  override _read(): void {
    this.#inner?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#isReady = false;
    this.#isHeld = false;
    if (this.#inner) this.#inner.write(chunk, done);
    else this.#onConnect = () => this.#inner!.write(chunk, done);
  }

  override _final(done: () => void): void {
    if (this.#inner) this.#inner.end(done);
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  /** The driver slows down its attempts if the event says that there was an error, as that of `net.Socket` does. */
  override emit(name: string | symbol, ...args: unknown[]): boolean {
    return name === "close" ? super.emit(name, this.errored !== null) : super.emit(name, ...args);
  }
}
