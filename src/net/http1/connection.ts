import type { Socket, SocketHandler } from "bun";
import type { Exchange } from "./exchange.ts";
import { MalformedResponse } from "./head.ts";
import { HttpFailure } from "./http-failure.ts";
import { ResponseParser } from "./parser.ts";

/** What a connection needs of the client that keeps it. */
export interface Keeper {
  /** The time some milliseconds from now, on the clock of the deadlines. */
  after(milliseconds: number): number;
  /** The connection can take a request. */
  onIdle(connection: Connection): void;
  onGone(connection: Connection): void;
  /** The peer closed a kept connection before it answered anything. */
  onStale(exchange: Exchange): void;
}

/** One socket that serves one exchange after another. */
export class Connection {
  /** When to give up what it is doing, or, idle, to close it. On the keeper's clock. */
  deadline = Number.POSITIVE_INFINITY;
  #socket: Socket<Connection> | undefined;
  #exchange: Exchange | undefined;
  #parser: ResponseParser | undefined;
  #unsent: Buffer | undefined;
  #kept = false;
  #answered = false;
  #paused = false;
  #gone = false;

  constructor(
    readonly origin: string,
    private readonly keeper: Keeper,
    private readonly settle: { opened: (connection: Connection) => void; failed: (error: Error) => void },
  ) {}

  /** Sends the request of the exchange and feeds it the answer. */
  send(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#parser === undefined) this.#parser = new ResponseParser(exchange, exchange.method);
    else this.#parser.restart(exchange, exchange.method);
    this.#answered = false;
    exchange.connection = this;
    this.deadline = this.keeper.after(exchange.timeouts.firstByte);
    this.#unsent = exchange.message;
    this.flush();
  }

  /** Writes what the socket takes; `drain` calls it again for the rest. */
  flush(): void {
    if (this.#unsent === undefined) return;
    const written = this.#socket!.write(this.#unsent);
    if (written < 0) this.lost(undefined);
    else this.#unsent = written < this.#unsent.length ? this.#unsent.subarray(written) : undefined;
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
    this.deadline = this.keeper.after(this.#exchange!.timeouts.silence);
    this.#socket?.resume();
  }

  /** Closes the socket at once; what it was doing is not told. */
  destroy(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#exchange = undefined;
    this.keeper.onGone(this);
    this.#socket?.terminate();
  }

  /** Waits for the next request. */
  rest(): void {
    this.#kept = true;
    this.keeper.onIdle(this);
  }

  /** The deadline has passed. */
  expire(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return this.lost(undefined);
    const what = exchange.status === 0 ? "no answer came" : "the answer fell silent";
    exchange.fail(new HttpFailure("timeout", what));
  }

  /** The socket is there. It may be too late for it, or too early to send on it. */
  attach(socket: Socket<Connection>): void {
    if (this.#gone) return void socket.terminate();
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  opened(): void {
    if (!this.#gone) this.settle.opened(this);
  }

  received(bytes: Buffer): void {
    const exchange = this.#exchange;
    const parser = this.#parser;
    if (exchange === undefined || parser === undefined) return this.destroy();
    this.#answered = true;
    try {
      parser.push(bytes);
    } catch (error) {
      return exchange.fail(asFailure(error));
    }
    if (this.#gone) return;
    if (!parser.done) {
      if (exchange.status !== 0 && !this.#paused)
        this.deadline = this.keeper.after(exchange.timeouts.silence);
      return;
    }
    this.resume();
    this.#exchange = undefined;
    if (!parser.keepAlive || parser.surplus || this.#unsent !== undefined) return this.destroy();
    this.rest();
  }

  /** The peer closed its side in good order. */
  ended(): void {
    if (this.#answered && this.#exchange !== undefined && this.#parser !== undefined) {
      try {
        this.#parser.close();
      } catch (error) {
        return this.#exchange?.fail(asFailure(error));
      }
      return this.destroy();
    }
    this.lost(undefined);
  }

  /** The socket is gone, whatever it was doing. */
  lost(cause: Error | undefined): void {
    if (this.#gone) return;
    const exchange = this.#exchange;
    this.destroy();
    if (exchange !== undefined) {
      exchange.connection = undefined;
      if (this.#kept && !this.#answered) this.keeper.onStale(exchange);
      else exchange.fail(new HttpFailure("closed", "the peer closed the connection", { cause }));
    } else this.settle.failed(new HttpFailure("connect", "the connection did not open", { cause }));
  }
}

function asFailure(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (error instanceof MalformedResponse)
    return new HttpFailure("malformed", error.message, { cause: error });
  return new HttpFailure("closed", "the answer could not be taken", { cause: error });
}

const common: SocketHandler<Connection> = {
  data: (socket, bytes) => socket.data.received(bytes),
  drain: (socket) => socket.data.flush(),
  end: (socket) => socket.data.ended(),
  close: (socket, error) => socket.data.lost(error),
  error: (socket, error) => socket.data.lost(error),
};

export const plainHandlers: SocketHandler<Connection> = {
  ...common,
  open: (socket) => {
    socket.data.attach(socket);
    socket.data.opened();
  },
};

/** With TLS nothing is sent before the certificate and its name are found good. */
export const secureHandlers: SocketHandler<Connection> = {
  ...common,
  open: (socket) => socket.data.attach(socket),
  handshake: (socket, trusted, problem) => {
    if (trusted && problem === null && socket.authorized) socket.data.opened();
    else socket.data.lost(problem ?? new Error("the peer's certificate is not trusted"));
  },
};
