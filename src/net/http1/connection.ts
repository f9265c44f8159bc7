import type { Socket, SocketHandler } from "bun";
import { nextTurn } from "../../wire/next-turn.ts";
import type { Exchange } from "./exchange.ts";
import { connectTimeout, HttpFailure } from "./http-failure.ts";
import { MalformedMessage } from "./malformed-message.ts";
import { ResponseParser, type ResponseReceiver } from "./parser.ts";
import { RequestText } from "./request-text.ts";

/** The part of the client's pool that a connection uses. */
export interface ConnectionPool {
  /** Returns the time some milliseconds from now, on the clock of the deadlines. */
  after(milliseconds: number): number;
  /** Calls `flush` for a connection that has a request to send: now or in this turn of the event loop. */
  send(connection: Connection): void;
  /** Called when the connection can take a request. */
  onIdle(connection: Connection): void;
  /** Called once, when the connection is closed. */
  onGone(connection: Connection): void;
  /** Called when the peer closed a kept connection before the first byte of a response. */
  onStale(exchange: Exchange): void;
}

/** Bytes that are read in one turn of the event loop: what a reader does with a small event takes far longer than its bytes. */
const turnBytes = 64 * 1024;

/** Takes the response that an idle connection does not expect. */
const nobody: ResponseReceiver = { head() {}, push() {}, end() {} };

/** One socket that serves one exchange after another. */
export class Connection {
  /** The time at which the exchange fails or an idle connection is closed, on the pool's clock. */
  deadline = Number.POSITIVE_INFINITY;
  #socket: Socket<Connection> | undefined;
  #exchange: Exchange | undefined;
  #parser: ResponseParser | undefined;
  #unsent: Uint8Array | RequestText | undefined;
  /** Parts of the request that are sent after `#unsent`. */
  #later: readonly Uint8Array[] = [];
  #kept = false;
  #hasResponse = false;
  #paused = false;
  #gone = false;
  /** Bytes that came and are read in later turns of the event loop; and the end of the connection, if it came too. */
  #unread: Buffer[] | undefined;
  #end: (() => void) | undefined;
  #isReadDue = false;

  constructor(
    readonly origin: string,
    private readonly pool: ConnectionPool,
    /** Waits for the connection to open; nobody once it has. */
    private waiting: { opened(connection: Connection): void; failed(error: Error): void } | undefined,
  ) {}

  /** Sends the request of an exchange and passes the response to it. */
  send(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#parser === undefined) this.#parser = new ResponseParser(exchange, exchange.method);
    else this.#parser.restart(exchange, exchange.method);
    this.#hasResponse = false;
    exchange.connection = this;
    this.deadline = this.pool.after(exchange.timeouts.firstByte);
    this.#unsent = exchange.message;
    this.#later = exchange.parts;
    this.pool.send(this);
  }

  /** Writes as many bytes as the socket takes. */
  flush(): void {
    if (this.#gone) return;
    if (this.#unsent instanceof RequestText) {
      const rest = this.#unsent.writeTo(this.#socket!);
      if (rest === "closed") return this.lost(undefined);
      this.#unsent = rest;
      return;
    }
    while (this.#unsent !== undefined) {
      const written = this.#socket!.write(this.#unsent);
      if (written < 0) return this.lost(undefined);
      if (written < this.#unsent.length) {
        this.#unsent = this.#unsent.subarray(written);
        return;
      }
      this.#unsent = this.#later[0];
      if (this.#unsent !== undefined) this.#later = this.#later.slice(1);
    }
  }

  /** The socket has taken bytes on the way to the peer: the request is still being sent, which takes its time. */
  drained(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined && this.#unsent !== undefined && !this.#paused)
      this.deadline = this.pool.after(exchange.timeouts[exchange.status === 0 ? "firstByte" : "silence"]);
    this.flush();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.deadline = this.pool.after(this.#exchange!.timeouts.silence);
    if (this.#unread === undefined) this.#socket?.resume();
    else this.#readLater();
  }

  /** Closes the socket at once. Its exchange is not informed. */
  destroy(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#exchange = undefined;
    this.#unread = undefined;
    this.pool.onGone(this);
    this.#socket?.terminate();
  }

  /** Keeps the connection for the next request. */
  rest(): void {
    this.#kept = true;
    // The exchange and all that belongs to its call would stay until the next one.
    this.#parser?.restart(nobody, "GET");
    this.pool.onIdle(this);
  }

  /** Ends the exchange, or closes the idle connection, because the deadline has passed. */
  expire(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return this.lost(connectTimeout().cause as Error);
    const reason = exchange.status === 0 ? "no response came" : "the response fell silent";
    exchange.fail(new HttpFailure("timeout", reason));
  }

  /** Takes its socket. The socket may be too late, or may not be ready to send on. */
  attach(socket: Socket<Connection>): void {
    if (this.#gone) return void socket.terminate();
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  /** The socket is ready to send on. */
  opened(): void {
    if (this.#gone) return;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.opened(this);
  }

  /** Bytes have come from the peer. */
  received(bytes: Buffer): void {
    if (this.#unread !== undefined) this.#unread.push(bytes);
    else if (bytes.length <= turnBytes) this.#read(bytes);
    else {
      this.#unread = [bytes];
      this.#socket?.pause();
      this.#readOn();
    }
  }

  /** Reads the next bytes of those that wait, unless the reader holds the connection back. */
  #readOn(): void {
    const unread = this.#unread;
    if (unread === undefined || this.#paused || this.#gone) return;
    const next = unread[0]!;
    if (next.length > turnBytes) unread[0] = next.subarray(turnBytes);
    else if (unread.length > 1) unread.shift();
    else this.#unread = undefined;
    this.#read(next.subarray(0, turnBytes));
    if (this.#unread !== undefined) this.#readLater();
    else if (this.#end) this.#end();
    else if (!this.#paused) this.#socket?.resume();
  }

  #readLater(): void {
    if (this.#isReadDue) return;
    this.#isReadDue = true;
    nextTurn().then(() => {
      this.#isReadDue = false;
      this.#readOn();
    });
  }

  #read(bytes: Buffer): void {
    const exchange = this.#exchange;
    const parser = this.#parser;
    if (exchange === undefined || parser === undefined) return this.destroy();
    this.#hasResponse = true;
    try {
      parser.push(bytes);
    } catch (error) {
      return exchange.fail(asFailure(error));
    }
    if (this.#gone) return;
    if (!parser.done) {
      if (exchange.status !== 0 && !this.#paused) this.deadline = this.pool.after(exchange.timeouts.silence);
      return;
    }
    this.resume();
    this.#exchange = undefined;
    const hasMore = parser.surplus || this.#unread !== undefined;
    if (!parser.keepAlive || hasMore || this.#unsent !== undefined) return this.destroy();
    this.rest();
  }

  /** The peer has closed its side of the connection without an error. */
  ended(): void {
    if (this.#unread !== undefined) {
      this.#end ??= () => this.ended();
      return;
    }
    if (this.#hasResponse && this.#exchange !== undefined && this.#parser !== undefined) {
      try {
        this.#parser.close();
      } catch (error) {
        return this.#exchange?.fail(asFailure(error));
      }
      return this.destroy();
    }
    this.lost(undefined);
  }

  #closeReason(): string {
    if (this.#hasResponse) return "the peer closed the connection before the end of its response";
    return "the peer closed the connection without a response";
  }

  /** The socket is closed, in whatever state the connection was. */
  lost(cause: Error | undefined): void {
    if (this.#gone) return;
    if (this.#unread !== undefined) {
      this.#end ??= () => this.lost(cause);
      return;
    }
    const exchange = this.#exchange;
    this.destroy();
    if (exchange !== undefined) {
      exchange.connection = undefined;
      if (this.#kept && !this.#hasResponse) this.pool.onStale(exchange);
      else exchange.fail(new HttpFailure("closed", this.#closeReason(), { cause }));
    } else this.waiting?.failed(new HttpFailure("connect", "the connection did not open", { cause }));
  }
}

function asFailure(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (error instanceof MalformedMessage) return new HttpFailure("malformed", error.message, { cause: error });
  return new HttpFailure("closed", "the response could not be taken", { cause: error });
}

const common: SocketHandler<Connection> = {
  data: (socket, bytes) => socket.data.received(bytes),
  drain: (socket) => socket.data.drained(),
  end: (socket) => socket.data.ended(),
  close: (socket, error) => socket.data.lost(error),
  error: (socket, error) => socket.data.lost(error),
};

/** Handlers for TCP without TLS. */
export const plainHandlers: SocketHandler<Connection> = {
  ...common,
  open: (socket) => {
    socket.data.attach(socket);
    socket.data.opened();
  },
};

/** Handlers for TLS: nothing is sent before the certificate and its name are verified. */
export const secureHandlers: SocketHandler<Connection> = {
  ...common,
  open: (socket) => socket.data.attach(socket),
  handshake: (socket, trusted, error) => {
    if (trusted && error === null && socket.authorized) socket.data.opened();
    else socket.data.lost(error ?? new Error("the peer's certificate is not trusted"));
  },
};
