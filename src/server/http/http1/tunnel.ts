import type { Socket } from "bun";
import { nextTurn } from "../../../wire/next-turn.ts";
import { type FrameMemory, FrameMeter } from "./frame-memory.ts";
import { UnsentBytes } from "./unsent-bytes.ts";

/** The sender of bytes is held back once so many wait for their reader. */
const waitingLimit = 256 * 1024;

/**
 * Bytes that all tunnels together pass on in one turn of the event loop. The other listener puts frames of megabytes
 * together: if those of many callers were whole at once, it would take long to read them (T331).
 */
const turnBytes = 1024 * 1024;
let leftInTurn = turnBytes;

/** True if so many bytes may be passed on in this turn. */
function isWithinTurn(bytes: number): boolean {
  if (leftInTurn === turnBytes)
    setImmediate(() => {
      leftInTurn = turnBytes;
    });
  const isWithin = leftInTurn > 0;
  leftInTurn -= bytes;
  return isWithin;
}

/** The part of a connection that its tunnel uses. */
interface TunnelledConnection {
  /** Bytes that the caller has not taken yet. */
  readonly unsent: number;
  write(bytes: Uint8Array): void;
  pauseReading(): void;
  resumeReading(): void;
  /** The other listener has closed its end. */
  tunnelClosed(): void;
}

/** Passes the bytes of a connection on to another listener of this process, and its bytes back. */
export class Tunnel {
  readonly #connection: TunnelledConnection;
  readonly #frames: FrameMemory | undefined;
  readonly #meter: FrameMeter | undefined;
  readonly #onOpen: (port: number) => void;
  readonly #onClosed: () => void;
  #inner: Socket<Tunnel> | undefined;
  #unsent: UnsentBytes | undefined;
  /** Bytes that came before the tunnel was open. */
  #early: Buffer[];
  #earlyLength: number;
  /** Bytes for a later turn of the event loop. */
  #later: Buffer[] = [];
  #isPaused = false;
  /** The caller sends nothing more. */
  #isEnded = false;
  #isClosed = false;

  /**
   * @param frames the memory of frames that are not whole; undefined where the other listener looks after it
   * @param onOpen called with the port of this end, by which the other listener knows whose request it gets
   * @param onClosed called once
   */
  constructor(
    connection: TunnelledConnection,
    bytes: Buffer,
    frames: FrameMemory | undefined,
    onOpen: (port: number) => void,
    onClosed: () => void,
  ) {
    this.#connection = connection;
    this.#frames = frames;
    this.#meter = frames && new FrameMeter();
    this.#meter?.push(bytes);
    this.#onOpen = onOpen;
    this.#onClosed = onClosed;
    this.#early = [bytes];
    this.#earlyLength = bytes.length;
  }

  /** The tunnel is open. */
  opened(inner: Socket<Tunnel>): void {
    if (this.#isClosed) return void inner.terminate();
    this.#inner = inner;
    this.#onOpen(inner.localPort);
    inner.setNoDelay(true);
    this.#unsent = new UnsentBytes(inner);
    for (const bytes of this.#early) this.#unsent.write(bytes);
    this.#early = [];
    this.#earlyLength = 0;
    this.#holdCaller();
    this.#passEndOn();
  }

  /** Passes bytes of the caller on. */
  send(bytes: Buffer): void {
    // What comes after the end counts for nobody any more.
    if (this.#isClosed) return;
    if (this.#frames && this.#meter) {
      this.#meter.push(bytes);
      this.#frames.note(this, this.#meter.unfinished);
      if (this.#isClosed) return;
    }
    if (this.#unsent && (this.#later.length > 0 || !isWithinTurn(bytes.length))) this.#sendLater(bytes);
    else if (this.#unsent) this.#unsent.write(bytes);
    else {
      this.#early.push(bytes);
      this.#earlyLength += bytes.length;
    }
    this.#holdCaller();
  }

  #sendLater(bytes: Buffer): void {
    this.#later.push(bytes);
    if (this.#later.length > 1) return;
    void nextTurn().then(() => {
      for (const one of this.#later) this.#unsent?.write(one);
      this.#later = [];
      if (this.#isClosed) return void this.#inner?.end();
      this.#holdCaller();
      this.#passEndOn();
    });
  }

  #holdCaller(): void {
    const isHeld = this.#later.length > 0 || (this.#unsent?.length ?? this.#earlyLength) > waitingLimit;
    if (isHeld) this.#connection.pauseReading();
    else this.#connection.resumeReading();
  }

  /** The other listener takes bytes again. */
  innerDrained(): void {
    this.#unsent?.flush();
    this.#holdCaller();
    this.#passEndOn();
  }

  /** The other listener has sent bytes. */
  received(bytes: Buffer): void {
    this.#connection.write(bytes);
    if (this.#isPaused || this.#connection.unsent <= waitingLimit) return;
    this.#isPaused = true;
    this.#inner?.pause();
  }

  /** The caller takes bytes again. */
  drained(): void {
    if (!this.#isPaused || this.#connection.unsent > waitingLimit) return;
    this.#isPaused = false;
    this.#inner?.resume();
  }

  /** Closes both ends: the frame that has come in part takes memory that others need. */
  drop(): void {
    this.#inner?.terminate();
    this.lost();
  }

  /** The other listener has closed its end, or the tunnel did not open. */
  lost(): void {
    if (this.#isClosed) return;
    this.#over();
    this.#connection.tunnelClosed();
  }

  /** The caller has ended its side. The other listener is told so after all that the caller has sent. */
  callerEnded(): void {
    this.#isEnded = true;
    this.#passEndOn();
  }

  #passEndOn(): void {
    if (this.#isEnded && this.#unsent?.length === 0 && this.#later.length === 0) this.#inner?.shutdown();
  }

  /** The caller has closed its connection. */
  close(): void {
    if (this.#isClosed) return;
    this.#over();
    // What the caller has sent before goes first.
    if (this.#later.length === 0) this.#inner?.end();
  }

  #over(): void {
    this.#isClosed = true;
    this.#early = [];
    this.#frames?.note(this, 0);
    this.#onClosed();
  }
}

/** Handlers of the socket of a tunnel. */
export const tunnelHandlers = {
  open: (socket: Socket<Tunnel>) => socket.data.opened(socket),
  data: (socket: Socket<Tunnel>, bytes: Buffer) => socket.data.received(bytes),
  drain: (socket: Socket<Tunnel>) => socket.data.innerDrained(),
  end: (socket: Socket<Tunnel>) => socket.data.lost(),
  close: (socket: Socket<Tunnel>) => socket.data.lost(),
  error: (socket: Socket<Tunnel>) => socket.data.lost(),
  connectError: (socket: Socket<Tunnel>) => socket.data.lost(),
};
