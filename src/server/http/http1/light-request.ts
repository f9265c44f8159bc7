import type { EndListener } from "../../../end-signal.ts";
import { operationNames, operations } from "../../../wire/dialects/operations.ts";
import type { CallRequest, ReadHeaders } from "../../../wire/incoming-request.ts";
import { projectMcpPath } from "../../mcp/clients/project-url.ts";
import type { RequestHead } from "./request-head.ts";
import type { ServerExchange } from "./server-exchange.ts";
import { bodyStream } from "./web-request.ts";

/** The paths of calls of models. */
const callPaths: ReadonlySet<string> = new Set(
  operationNames.flatMap((operation) => [
    operations[operation].path,
    ...(operations[operation].aliases ?? []),
  ]),
);

/** The paths of messages of MCP. */
const mcpPath = new RegExp(`^${projectMcpPath.replace(":name", "[^/?]+")}$`);

/** True for a call of a model or a message of MCP, whose handlers need no `Request`. */
export function isLight({ method, target }: RequestHead): boolean {
  return method === "POST" && (callPaths.has(target) || mcpPath.test(target));
}

/** The request of a call. It has what its handlers use, and makes nothing before it is asked for. */
export class LightRequest implements CallRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadHeaders;
  readonly takesLive = true;
  /** The whole request as it came, while it may be passed on and once its body was read. */
  kept: Buffer | undefined;
  readonly #exchange: ServerExchange;
  readonly #scheme: string;
  #isKept: boolean;

  /** @param isKept true to keep the request: it may be passed on */
  constructor(exchange: ServerExchange, scheme: "http" | "https", isKept = false) {
    this.#isKept = isKept;
    this.method = exchange.head.method;
    // `isLight` takes none with a query.
    this.path = exchange.head.target;
    this.headers = exchange.head;
    this.#exchange = exchange;
    this.#scheme = scheme;
  }

  get url(): string {
    const { host, target } = this.#exchange.head;
    return `${this.#scheme}://${host ?? ""}${target}`;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const { body } = this.#exchange;
    return body ? (bodyStream(body) as ReadableStream<Uint8Array<ArrayBuffer>>) : null;
  }

  whenGone(callback: EndListener): void {
    this.#exchange.whenGone(callback);
  }

  staysHere(): void {
    this.#isKept = false;
    this.kept = undefined;
  }

  arrived(): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#exchange.body?.takeOnePart();
    if (bytes) this.#keep(bytes);
    return bytes as Buffer<ArrayBuffer> | undefined;
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { body } = this.#exchange;
    if (!body) return Promise.resolve(new Uint8Array(0));
    // The length that the head states has been compared with the limit.
    const bytes = body.bytes(Number.MAX_SAFE_INTEGER) as Promise<Buffer<ArrayBuffer>>;
    return this.#isKept ? bytes.then((whole) => this.#keep(whole)) : bytes;
  }

  #keep<Bytes extends Buffer>(body: Bytes): Bytes {
    if (this.#isKept) this.kept = Buffer.concat([this.#exchange.head.whole, body]);
    return body;
  }
}
