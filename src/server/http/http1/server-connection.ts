import type { Socket } from "bun";
import { AppError } from "../../../errors.ts";
import { BodyParser } from "../../../net/http1/body-parser.ts";
import { headEnd, mayBeName } from "../../../net/http1/fields.ts";
import { headIn } from "../../../net/http1/last-head.ts";
import { nextTurn, TurnQueue, TurnShare } from "../../../wire/next-turn.ts";
import { IncomingBody } from "./incoming-body.ts";
import { BadRequest, type RequestHead, readRequestHead, requestHeadLimit } from "./request-head.ts";
import { closingResponse } from "./response-head.ts";
import { type CallerConnection, ServerExchange } from "./server-exchange.ts";
import type { Tunnel } from "./tunnel.ts";
import { UnsentBytes } from "./unsent-bytes.ts";

/** The part of a listener that its connections use. */
export interface ConnectionHost {
  /** Milliseconds without a request after which a connection is closed. */
  readonly idleTime: number;
  /** True once connections end with their next response. */
  readonly isLeaving: boolean;
  /** Returns the time some milliseconds from now, on the clock of the deadlines. */
  after(milliseconds: number): number;
  /** True for a request that another listener answers, with all that comes after it on its connection. */
  passesOn(head: RequestHead): boolean;
  handle(exchange: ServerExchange): void;
  /** Called when the response of a request has been sent, or its caller has gone. */
  onOver(exchange: ServerExchange): void;
  /** Opens a tunnel for a request that is passed on. */
  openTunnel(connection: ServerConnection, bytes: Buffer): Tunnel;
  /** Called when a connection has sent its last response. */
  onEnding(): void;
  onGone(connection: ServerConnection): void;
}

/** Milliseconds in which the whole head of a request must arrive (T64). */
const headTime = 30_000;
/** Milliseconds in which the rest of an unread body may still arrive, so that the caller reads its response. */
const lingerTime = 10_000;
/** Milliseconds in which the peer must close a connection whose last response it has. */
const closeTime = 2_000;
/** Bytes of later requests that wait for the response of an earlier one. The caller is held back beyond. */
const heldLimit = 64 * 1024;

/** Bytes of a body in chunks that are read at once: each chunk may have one byte. */
const chunkedBytes = 16 * 1024;
/** Milliseconds in one turn of the event loop for bodies in chunks and pipelined requests of all connections (T260). */
const turnShare = new TurnShare(8);
/** First requests of connections for which there is no time in a turn: hundreds may come at once (T331). */
const requests = new TurnQueue(turnShare);

/** One connection of a caller: one request after another, each with its response. */
export class ServerConnection implements CallerConnection {
  /** The time at which the connection is closed, on the clock of its listener. */
  deadline: number;
  exchange: ServerExchange | undefined;
  readonly socket: Socket<ServerConnection>;
  /** That of the caller. */
  port: number;
  readonly #host: ConnectionHost;
  readonly #unsent: UnsentBytes;
  #tunnel: Tunnel | undefined;
  /** Bytes that are not read yet: a part of a head, or later requests. */
  #held: Buffer | undefined;
  #lastHead: RequestHead | undefined;
  #parser: BodyParser | undefined;
  #readsBody = false;
  #isReading = false;
  /** Somebody does not want more bytes of a body, or of later requests, yet. */
  #isPaused = false;
  /** The bytes held are read in a later turn of the event loop. */
  #isDeferred = false;
  #isSocketPaused = false;
  /** The last response is sent, or waits to be. What comes is dropped. */
  #isEnding = false;
  #isGone = false;

  constructor(socket: Socket<ServerConnection>, host: ConnectionHost) {
    this.socket = socket;
    this.port = socket.remotePort;
    this.#host = host;
    this.#unsent = new UnsentBytes(socket);
    this.deadline = host.after(host.idleTime);
  }

  /** True if the connection waits for a request. */
  get isIdle(): boolean {
    return this.exchange === undefined && this.#tunnel === undefined && !this.#isEnding;
  }

  /** True while a response is owed to the caller, or not all of it is sent. */
  get owesResponse(): boolean {
    return this.exchange !== undefined || (this.#tunnel === undefined && this.#unsent.length > 0);
  }

  get address(): string | undefined {
    return this.socket.remoteAddress?.replace(/^::ffff:(?=[\d.]+$)/, "");
  }

  /** The requests of the connection are passed on to another listener. */
  get tunnel(): Tunnel | undefined {
    return this.#tunnel;
  }

  get unsent(): number {
    return this.#unsent.length;
  }

  get isLast(): boolean {
    return this.#readsBody || this.#host.isLeaving || this.exchange?.head.keepAlive !== true;
  }

  /** Bytes have come from the caller. */
  received(bytes: Buffer): void {
    if (this.#tunnel) return this.#tunnel.send(bytes);
    if (this.#isEnding) return;
    const held = this.#held;
    this.#held = held ? Buffer.concat([held, bytes]) : bytes;
    if (this.#isDeferred) return;
    if (this.isIdle && !requests.isFree) return this.#defer(this.#held, (goOn) => requests.add(goOn));
    this.#read(this.#takeHeld()!, held ? held.length : 0, this.#readsChunks);
  }

  #takeHeld(): Buffer | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  /**
   * @param known bytes at the beginning that have been looked at before
   * @param mayDefer true if they may wait for a later turn of the event loop
   */
  #read(bytes: Buffer, known: number, mayDefer: boolean): void {
    let at = 0;
    this.#isReading = true;
    while (at < bytes.length && !this.#isEnding && !this.#tunnel) {
      if ((at > 0 || mayDefer) && turnShare.isOver) {
        this.#defer(bytes.subarray(at), (goOn) => void nextTurn().then(goOn));
        break;
      }
      if (this.#readsBody) at = this.#readBody(bytes, at);
      else if (this.exchange || this.#unsent.length > heldLimit) {
        this.#hold(bytes.subarray(at));
        break;
      } else {
        const next = this.#readRequest(bytes, at, at === 0 ? known : 0);
        if (next === undefined) break;
        at = next;
      }
    }
    this.#isReading = false;
  }

  /** Reads bytes later: thousands of chunks or requests in one turn would hold up all other callers. */
  #defer(bytes: Buffer, later: (goOn: () => void) => void): void {
    this.#held = bytes;
    this.#isDeferred = true;
    this.#pauseSocket();
    later(() => {
      this.#isDeferred = false;
      if (this.#isGone || this.#isEnding) return;
      this.#pauseSocket();
      const held = this.#takeHeld();
      turnShare.renew();
      if (held) this.#read(held, 0, false);
    });
  }

  get #readsChunks(): boolean {
    return this.#readsBody && this.exchange?.head.isChunked === true;
  }

  /** Reads a head, and what is here of its body. Returns undefined if the head is not whole, or is refused. */
  #readRequest(bytes: Buffer, from: number, known: number): number | undefined {
    // Some clients end a body with an empty line of their own (RFC 9112 section 2.2).
    const start = bytes[from] === 13 && bytes[from + 1] === 10 ? from + 2 : from;
    const end = bytes.indexOf(headEnd, Math.max(start, from + known - 3));
    try {
      if ((end < 0 ? bytes.length : end + 4) - start > requestHeadLimit)
        throw new BadRequest(431, "the head is over 16 KiB");
      if (end < 0) {
        refuseOther(bytes, start);
        if (known === 0) this.deadline = this.#host.after(Math.min(headTime, this.#host.idleTime));
        this.#held = from === 0 ? bytes : Buffer.from(bytes.subarray(from));
        return undefined;
      }
      this.#lastHead = headIn(bytes, start, end + 4, this.#lastHead, readRequestHead);
      return this.#begin(this.#lastHead, bytes, start, end + 4);
    } catch (error) {
      this.refuse(error instanceof BadRequest ? error.status : 400);
      return undefined;
    }
  }

  #begin(head: RequestHead, bytes: Buffer, start: number, bodyStart: number): number | undefined {
    if (this.#host.passesOn(head)) {
      this.#passOn(bytes.subarray(start));
      return bytes.length;
    }
    const hasBody = head.isChunked || (head.contentLength ?? 0) > 0;
    const body = hasBody ? new IncomingBody(this) : undefined;
    this.exchange = new ServerExchange(this, head, body);
    if (this.#unsent.length === 0) this.deadline = Number.POSITIVE_INFINITY;
    let at = bodyStart;
    if (body) {
      this.#parser ??= new BodyParser(body, { isStrict: true });
      this.#parser.begin(head.isChunked ? "chunked" : head.contentLength!, body);
      this.#readsBody = true;
      at = this.#readBody(bytes, at);
    }
    if (!this.#isEnding) this.#host.handle(this.exchange);
    return at;
  }

  #passOn(bytes: Buffer): void {
    this.deadline = Number.POSITIVE_INFINITY;
    this.#tunnel = this.#host.openTunnel(this, bytes);
  }

  passOn(bytes: Buffer): void {
    const { exchange } = this;
    if (this.#isGone || !exchange) return;
    this.exchange = undefined;
    this.#host.onOver(exchange);
    const later = this.#takeHeld();
    this.#passOn(later ? Buffer.concat([bytes, later]) : bytes);
  }

  #readBody(bytes: Buffer, from: number): number {
    const parser = this.#parser;
    if (!parser) return bytes.length;
    const isCut = this.#readsChunks && bytes.length - from > chunkedBytes;
    try {
      const at = isCut
        ? from + parser.push(bytes.subarray(from, from + chunkedBytes), 0)
        : parser.push(bytes, from);
      this.#readsBody = !parser.done;
      return at;
    } catch {
      this.#parser = undefined;
      this.exchange?.body?.fail(new AppError("invalid_request", "the body is not framed as HTTP/1.1 says"));
      // Nobody knows where another request would begin: the response is the last one.
      return bytes.length;
    }
  }

  #hold(bytes: Buffer): void {
    this.#held = bytes;
    if (bytes.length > heldLimit) this.pauseReading();
  }

  pauseReading(): void {
    this.#isPaused = true;
    this.#pauseSocket();
  }

  resumeReading(): void {
    this.#isPaused = false;
    this.#pauseSocket();
  }

  /** Reads from the socket, or not. */
  #pauseSocket(): void {
    const isPaused = this.#isPaused || this.#isDeferred;
    if (this.#isSocketPaused === isPaused || this.#isGone) return;
    this.#isSocketPaused = isPaused;
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  /** Lets a caller send its body that waits for this. */
  wantBody(): void {
    if (this.exchange?.head.expectsContinue) this.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
  }

  write(bytes: Uint8Array, shared?: number): void {
    if (this.#isGone) return;
    this.#unsent.write(bytes, shared);
    if (this.#unsent.length > 0) this.deadline = this.#host.after(this.#host.idleTime);
  }

  /** The caller takes bytes again. */
  drained(): void {
    if (this.#isGone) return;
    const before = this.#unsent.length;
    if (before > 0) this.#unsent.flush();
    // All may be taken now, and then nothing tells it again.
    this.#tunnel?.drained();
    if (this.#unsent.length === before) return;
    this.deadline =
      this.#unsent.length > 0 ? this.#host.after(this.#host.idleTime) : Number.POSITIVE_INFINITY;
    if (this.#isEnding) this.#end();
    else if (this.exchange) this.exchange.watcher?.drained?.();
    else if (this.#unsent.length === 0 && !this.#tunnel) this.#readNext();
  }

  responded(isLast: boolean): void {
    if (this.#isGone) return;
    if (this.exchange) this.#host.onOver(this.exchange);
    this.exchange = undefined;
    // Its head may have gone out before the server was told to stop.
    if (isLast || this.#readsBody || this.#host.isLeaving) return this.#close();
    this.#readNext();
  }

  forgetRequest(): void {
    if (!this.#readsBody) this.#parser = undefined;
  }

  /** Reads the next request of the connection, or waits for it. */
  #readNext(): void {
    this.deadline = this.#host.after(this.#host.idleTime);
    if (this.#isReading) return;
    this.resumeReading();
    if (this.#isDeferred) return;
    const held = this.#takeHeld();
    if (held) this.#read(held, 0, true);
  }

  /** The other end of the tunnel has closed: what it sent still goes out. */
  tunnelClosed(): void {
    if (!this.#isGone && !this.#isEnding) this.#close();
  }

  /**
   * The caller has ended its side: it has its last response, or has left before. A reset could overtake the response on its
   * way. Behind a tunnel the other listener knows what it has sent.
   */
  ended(): void {
    if (this.#tunnel) {
      this.deadline = this.#host.after(lingerTime);
      return this.#tunnel.callerEnded();
    }
    if (this.owesResponse) return this.destroy();
    this.socket.end();
    this.closed();
  }

  refuse(status: number): void {
    if (this.#isGone || this.#isEnding) return;
    this.write(closingResponse(status));
    this.#close();
  }

  #close(): void {
    this.#isEnding = true;
    this.#held = undefined;
    this.#end();
  }

  /** Ends the sending side when all is sent. The caller reads its response, and is not cut off while it still sends. */
  #end(): void {
    if (this.#unsent.length > 0) return;
    this.deadline = this.#host.after(this.#readsBody ? lingerTime : closeTime);
    this.resumeReading();
    this.socket.shutdown();
    this.#host.onEnding();
  }

  /** The deadline has passed. */
  expire(): void {
    if (this.#held !== undefined && this.isIdle && this.#unsent.length === 0) return this.refuse(408);
    this.destroy();
  }

  /** Ends an idle connection; another one after its response. */
  leave(): void {
    if (this.isIdle && this.#held === undefined) this.#close();
  }

  destroy(): void {
    this.socket.terminate();
    this.closed();
  }

  /** The connection is closed. */
  closed(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#held = undefined;
    const { exchange } = this;
    this.exchange = undefined;
    if (exchange) this.#host.onOver(exchange);
    this.#host.onGone(this);
    this.#tunnel?.close();
    exchange?.gone();
  }
}

/** Throws BadRequest for a part of a head that cannot become one: another protocol, or lines that end with LF alone. */
function refuseOther(bytes: Buffer, start: number): void {
  if (start < bytes.length && bytes[start] !== 13 && mayBeName[bytes[start]!] !== 1)
    throw new BadRequest(400, "the request line is malformed");
  for (let at = bytes.indexOf(10, start); at >= 0; at = bytes.indexOf(10, at + 1))
    if (bytes[at - 1] !== 13) throw new BadRequest(400, "a line ends with LF alone");
}
