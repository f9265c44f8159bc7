import type { CallRequest } from "../../wire/incoming-request.ts";

type Body = string | Uint8Array<ArrayBuffer>;

/** The options of a whole response. Names of headers are in lower case. */
export interface WholeInit {
  status?: number;
  headers?: Readonly<Record<string, string>>;
}

/**
 * Returns the response to a request whose whole body is in memory. The listener of our own gets one that is no `Response`: it
 * sends the body without a stream, and to make a `Response` with its headers takes microseconds.
 */
export function wholeResponse(
  body: Body,
  init: WholeInit,
  { takesLive }: Pick<CallRequest, "takesLive">,
): Response {
  // It has all that handlers of requests and their listener use.
  return takesLive ? (new WholeResponse(body, init) as object as Response) : new Response(body, init);
}

/** Returns a response as a `Response`, for those who know no other. */
export function plainResponse(response: Response): Response {
  return response instanceof WholeResponse ? response.clone() : response;
}

/** A response whose whole body is in memory. */
export class WholeResponse
  implements Pick<Response, "status" | "ok" | "body" | "bytes" | "text" | "json" | "clone">
{
  readonly status: number;
  readonly headers: WholeHeaders;
  readonly whole: Body;
  /** Made for others who read the body. */
  #response: Response | undefined;

  constructor(whole: Body, { status = 200, headers = {} }: WholeInit) {
    this.whole = whole;
    this.status = status;
    this.headers = new WholeHeaders(headers);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get body(): Response["body"] {
    return this.#plain().body;
  }

  bytes(): ReturnType<Response["bytes"]> {
    return this.#plain().bytes();
  }

  text(): ReturnType<Response["text"]> {
    return this.#plain().text();
  }

  json(): ReturnType<Response["json"]> {
    return this.#plain().json();
  }

  clone(): Response {
    return new Response(this.whole, { status: this.status, headers: [...this.headers] });
  }

  #plain(): Response {
    this.#response ??= this.clone();
    return this.#response;
  }
}

/** A name and a value of a header that cannot end its line (RFC 9110 section 5.5). */
const plainName = /^[a-z0-9-]+$/;
const plainValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The headers of a whole response. Each has one value. */
class WholeHeaders implements Iterable<[string, string]> {
  /** Names and values in turn: there are few. */
  readonly #lines: string[] = [];

  constructor(headers: Readonly<Record<string, string>>) {
    for (const name in headers) this.set(name, headers[name]!);
  }

  get(name: string): string | null {
    const at = this.#indexOf(name);
    return at < 0 ? null : this.#lines[at + 1]!;
  }

  has(name: string): boolean {
    return this.#indexOf(name) >= 0;
  }

  /** @throws TypeError for a value that would break the line */
  set(name: string, value: string): void {
    if (!plainName.test(name) || !plainValue.test(value))
      throw new TypeError(`the header ${name} is malformed`);
    const at = this.#indexOf(name);
    if (at < 0) this.#lines.push(name, value);
    else this.#lines[at + 1] = value;
  }

  #indexOf(name: string): number {
    for (let at = 0; at < this.#lines.length; at += 2) if (this.#lines[at] === name) return at;
    return -1;
  }

  /** The lines of all headers, as they are sent. */
  get text(): string {
    let text = "";
    for (let at = 0; at < this.#lines.length; at += 2)
      text += `${this.#lines[at]}: ${this.#lines[at + 1]}\r\n`;
    return text;
  }

  *[Symbol.iterator](): IterableIterator<[string, string]> {
    for (let at = 0; at < this.#lines.length; at += 2) yield [this.#lines[at]!, this.#lines[at + 1]!];
  }
}
