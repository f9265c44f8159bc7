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
  readonly #values = new Map<string, string>();

  constructor(headers: Readonly<Record<string, string>>) {
    for (const name in headers) this.set(name, headers[name]!);
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** @throws TypeError for a value that would break the line */
  set(name: string, value: string): void {
    if (!plainName.test(name) || !plainValue.test(value))
      throw new TypeError(`the header ${name} is malformed`);
    this.#values.set(name, value);
  }

  forEach(callback: (value: string, name: string) => void): void {
    this.#values.forEach(callback);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values.entries();
  }
}
