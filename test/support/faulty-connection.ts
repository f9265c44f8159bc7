import type { Socket } from "bun";
import type { FaultyProxyCounters, FaultyProxyOptions } from "./faulty-proxy.ts";
import { HttpFraming, type Piece } from "./http-framing.ts";
import { OneWay, type SlowLine } from "./one-way.ts";

/** State that all connections of a proxy share. */
export interface Place {
  hostname: string;
  port: number;
  options: FaultyProxyOptions;
  counters: FaultyProxyCounters;
  stalled: { up: boolean; down: boolean };
  /** The line that all connections share, if its rate is limited. */
  line: { up: SlowLine; down: SlowLine } | undefined;
}

/** One caller of a faulty proxy, and the connection to the target that is opened for it. */
export class FaultyConnection {
  /** From the target to the caller, and the other way. */
  readonly down: OneWay;
  readonly #up: OneWay;
  readonly #caller: Socket<FaultyConnection>;
  readonly #place: Place;
  readonly #http: HttpFaults | undefined;
  readonly #killing: ReturnType<typeof setTimeout> | undefined;
  #target: Socket<undefined> | undefined;
  #connecting = false;
  #over = false;

  constructor(caller: Socket<FaultyConnection>, place: Place) {
    const { options, counters } = place;
    this.#caller = caller;
    this.#place = place;
    const hold = (socket: Socket<unknown> | undefined, wait: boolean) =>
      wait ? socket?.pause() : socket?.resume();
    this.#up = new OneWay(
      (wait) => hold(caller, wait),
      (bytes) => {
        counters.up += bytes;
      },
    );
    this.down = new OneWay(
      (wait) => hold(this.#target, wait),
      (bytes) => {
        counters.down += bytes;
      },
    );
    this.down.leadTo(caller);
    if (options.blockUpgrade || options.buffer) this.#http = new HttpFaults(place);
    if (options.killAfter !== undefined) this.#killing = setTimeout(() => this.reset(), options.killAfter);
    this.heed();
  }

  /** Does as the proxy's switches say now. */
  heed(): void {
    const { stalled } = this.#place;
    this.#up.stall(stalled.up);
    this.down.stall(stalled.down);
    if (!stalled.up && !stalled.down) void this.#connect();
  }

  fromCaller(bytes: Buffer): void {
    if (!this.#http) return this.#sendUp(bytes);
    for (const out of this.#http.request(bytes)) this.#sendUp(out);
    if (this.#http.refusal === undefined) return;
    this.#sendDown(this.#http.refusal);
    this.#sendDown("end");
    this.#http.refusal = undefined;
  }

  callerEnds(): void {
    this.#sendUp("end");
  }

  callerGone(reset: boolean): void {
    this.#sendUp(reset ? "reset" : "end");
    clearTimeout(this.#killing);
    // Nobody is there any more to be sent anything.
    this.down.close();
  }

  /** FIN to both sides. */
  close(): void {
    this.#lose();
    this.#caller.end();
    this.#target?.end();
  }

  /** RST to both sides. */
  reset(): void {
    this.#lose();
    this.#caller.terminate();
    this.#target?.terminate();
  }

  #lose(): void {
    this.#over = true;
    clearTimeout(this.#killing);
    this.#up.close();
    this.down.close();
  }

  #sendUp(freight: Uint8Array | "end" | "reset"): void {
    this.#up.send(freight, this.#place.options.delay ?? 0, this.#place.line?.up);
  }

  #sendDown(freight: Uint8Array | "end" | "reset"): void {
    this.down.send(freight, this.#place.options.delay ?? 0, this.#place.line?.down);
  }

  async #connect(): Promise<void> {
    if (this.#connecting || this.#over) return;
    this.#connecting = true;
    const { hostname, port } = this.#place;
    try {
      await Bun.connect({
        hostname,
        port,
        allowHalfOpen: true,
        socket: {
          open: (socket) => this.#connected(socket),
          data: (_, bytes) => this.#fromTarget(bytes),
          drain: () => this.#up.drained(),
          end: () => this.#targetEnds(),
          close: (_, error) => this.#targetGone(error !== undefined),
        },
      });
    } catch {
      this.reset();
    }
  }

  #connected(socket: Socket<undefined>): void {
    if (this.#over) return void socket.terminate();
    socket.setNoDelay(true);
    this.#target = socket;
    this.#up.leadTo(socket);
  }

  #fromTarget(bytes: Buffer): void {
    if (!this.#http) return this.#sendDown(bytes);
    for (const out of this.#http.response(bytes)) this.#sendDown(out);
  }

  #targetEnds(): void {
    for (const out of this.#http?.responseEnds() ?? []) this.#sendDown(out);
    this.#sendDown("end");
  }

  #targetGone(reset: boolean): void {
    this.#sendDown(reset ? "reset" : "end");
    this.#up.close();
  }
}

/** A proxy that reads the HTTP it forwards: it holds messages until they are whole, and blocks upgrades. */
class HttpFaults {
  /** The answer to an upgrade that is refused; nothing goes on after it. */
  refusal: Buffer | undefined;
  readonly #place: Place;
  readonly #requests = new HttpFraming();
  readonly #responses = new HttpFraming(() => this.#heads.shift() ?? false);
  /** For each request without a response yet: true if it is a HEAD. */
  readonly #heads: boolean[] = [];
  #heldRequest: Buffer[] = [];
  #heldResponse: Buffer[] = [];
  #upgraded = false;
  #deaf = false;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Returns the part of the request to forward now. */
  request(bytes: Buffer): Buffer[] {
    if (this.#upgraded) return [bytes];
    const out: Buffer[] = [];
    for (const piece of this.#requests.push(bytes)) {
      const passed = this.#deaf ? undefined : this.#pass(piece);
      if (passed === undefined) continue;
      this.#heldRequest.push(passed);
      if (this.#place.options.buffer?.requests && !piece.last) continue;
      out.push(...this.#heldRequest);
      this.#heldRequest = [];
    }
    return out;
  }

  /** Returns the part of the response to forward now. */
  response(bytes: Buffer): Buffer[] {
    const out: Buffer[] = [];
    for (const piece of this.#responses.push(bytes)) {
      if (piece.head?.startsWith("HTTP/1.1 101")) this.#upgraded = true;
      this.#heldResponse.push(piece.bytes);
      if (this.#place.options.buffer?.responses && !piece.last && !this.#upgraded) continue;
      out.push(...this.#heldResponse);
      this.#heldResponse = [];
    }
    return out;
  }

  /** Returns the rest of a response after the target has closed: it is whole, or never will be. */
  responseEnds(): Buffer[] {
    return [...this.#heldResponse, this.#responses.rest()];
  }

  /** A piece of a request as it goes on; undefined when it does not. */
  #pass({ head, bytes }: Piece): Buffer | undefined {
    if (head === undefined) return bytes;
    const { blockUpgrade } = this.#place.options;
    if (blockUpgrade && /\r\nupgrade:/i.test(head)) {
      this.#place.counters.upgradesBlocked++;
      if (blockUpgrade === "strip") {
        this.#heads.push(false);
        return Buffer.from(`${head.replace(/\r\n(upgrade|connection):[^\r]*/gi, "")}\r\n\r\n`, "latin1");
      }
      this.#deaf = true;
      if (blockUpgrade === "refuse")
        this.refusal = Buffer.from(
          "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
      return undefined;
    }
    this.#heads.push(head.startsWith("HEAD "));
    return bytes;
  }
}
