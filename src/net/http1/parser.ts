import { type BodyFraming, BodyParser, type BodyReceiver } from "./body-parser.ts";
import { headEnd, wantsKeepAlive } from "./fields.ts";
import { type ResponseHead, readHead } from "./head.ts";
import { headIn } from "./last-head.ts";
import { MalformedMessage } from "./malformed-message.ts";

/** The largest number of bytes of all heads and trailers of one response. */
export const headLimit = 64 * 1024;
const decimal = /^\d{1,15}$/;

/** Takes a response from the parser. */
export interface ResponseReceiver extends BodyReceiver {
  head(head: ResponseHead): void;
}

/**
 * Reads one HTTP/1.x response (RFC 9112) from bytes that may be cut anywhere. A bare LF, a folded header, two framings
 * at once or a malformed chunk throws `MalformedMessage`: two readers that understand one response differently make
 * response splitting possible.
 */
export class ResponseParser {
  /** True if bytes came after the end of the response: the connection must not be used again. */
  surplus = false;
  /** True if the peer takes another request on this connection after this response. */
  keepAlive = false;
  #hasHead = false;
  #headLength = 0;
  #held: Buffer | undefined;
  #heldLength = 0;
  /** Of the heads that came in one piece: many servers send the same one within a second. */
  #lastHead: ResponseHead | undefined;
  readonly #body: BodyParser;
  #receiver: ResponseReceiver;
  #method: string;

  /** @param method the method of the request: a response to HEAD has no body */
  constructor(receiver: ResponseReceiver, method: string) {
    this.#receiver = receiver;
    this.#method = method;
    this.#body = new BodyParser(receiver, { head: this });
  }

  /** Prepares a parser that is done for the next response on its connection. */
  restart(receiver: ResponseReceiver, method: string): void {
    this.#receiver = receiver;
    this.#body.begin(0, receiver);
    this.#method = method;
    this.#hasHead = false;
    this.#headLength = 0;
    this.surplus = false;
    this.keepAlive = false;
  }

  /** True if the whole response has been read. */
  get done(): boolean {
    return this.#hasHead && this.#body.done;
  }

  /** Reads the next bytes, and passes the parts of the response in them to the receiver. May change the bytes. */
  push(bytes: Buffer): void {
    let at = 0;
    while (!this.#hasHead && at < bytes.length) at = this.#pushHead(bytes, at);
    if (at === bytes.length) return;
    at = this.#body.push(bytes, at);
    if (at < bytes.length) this.surplus = true;
  }

  /**
   * The peer has closed its side of the connection without an error. Ends a body that lasts until the close.
   *
   * @throws MalformedMessage if the response is not whole
   */
  close(): void {
    if (this.#hasHead && this.#body.isUntilClose) this.#body.close();
    else if (!this.done) throw new MalformedMessage("the response stopped in the middle");
  }

  #pushHead(bytes: Buffer, from: number): number {
    if (this.#held === undefined) {
      refuseOtherProtocol(bytes[from]!);
      const end = bytes.indexOf(headEnd, from);
      if (end !== -1) {
        this.countHead(end + 4 - from);
        this.#lastHead = headIn(bytes, from, end + 4, this.#lastHead, readHead);
        this.#takeHead(this.#lastHead);
        return end + 4;
      }
      this.#held = Buffer.allocUnsafe(1024);
    }
    const before = this.#heldLength;
    this.#hold(bytes, from);
    const end = this.#held.subarray(0, this.#heldLength).indexOf(headEnd, Math.max(0, before - 3));
    if (end === -1) {
      if (this.#headLength + this.#heldLength > headLimit) this.countHead(this.#heldLength);
      return bytes.length;
    }
    const held = this.#held;
    this.#held = undefined;
    this.#heldLength = 0;
    this.countHead(end + 4);
    this.#takeHead(readHead(held, 0, end + 4));
    return from + end + 4 - before;
  }

  #hold(bytes: Buffer, from: number): void {
    const length = this.#heldLength + Math.min(bytes.length - from, headLimit + 4);
    if (length > this.#held!.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.#held!.length * 2));
      this.#held!.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    bytes.copy(this.#held!, this.#heldLength, from);
    this.#heldLength = length;
  }

  /** @internal Counts bytes of a head or of a trailer. Throws MalformedMessage. */
  countHead(length: number): void {
    this.#headLength += length;
    if (this.#headLength > headLimit) throw new MalformedMessage("the head of the response is over 64 KiB");
  }

  #takeHead(head: ResponseHead): void {
    if (head.status === 101) throw new MalformedMessage("the peer switched protocols without being asked");
    if (head.status < 200) return;
    this.#body.begin(this.#framingOf(head), this.#receiver);
    this.#hasHead = true;
    this.#receiver.head(head);
    if (this.#body.done) this.#receiver.end();
  }

  /** Chooses the framing of the body (RFC 9112 section 6.3). Two framings at once are an error. */
  #framingOf({
    status,
    minorVersion,
    contentLength,
    transferEncoding,
    connection,
  }: ResponseHead): BodyFraming {
    this.keepAlive = wantsKeepAlive(connection, minorVersion);
    if (contentLength !== undefined && !decimal.test(contentLength))
      throw new MalformedMessage("bad content-length");
    if (transferEncoding !== undefined) {
      const understood = transferEncoding.toLowerCase() === "chunked" && minorVersion === 1;
      if (!understood || contentLength !== undefined) throw new MalformedMessage("bad transfer-encoding");
    }
    if (this.#method === "HEAD" || status === 204 || status === 304) return 0;
    if (transferEncoding !== undefined) return "chunked";
    if (contentLength !== undefined) return Number(contentLength);
    this.keepAlive = false;
    return "until-close";
  }
}

/** Throws MalformedMessage at once if the first byte cannot begin `HTTP/`: some servers wait before they close. */
function refuseOtherProtocol(first: number): void {
  if (first === 72) return;
  // The types of TLS records that a server sends first: alert and handshake (RFC 8446 section 5.1).
  if (first === 21 || first === 22)
    throw new MalformedMessage("the server speaks TLS on this port: the url must begin with https");
  throw new MalformedMessage("the server does not speak HTTP on this port");
}
