import type { ServerWebSocket } from "bun";
import { onTestFinished } from "vitest";
import { decodeBytes, encodeBytes } from "../../../src/wire/link/binary-frame.ts";
import { linkPaths } from "../../../src/wire/link/constants.ts";
import type { AgentMessage, ServerEvent } from "../../../src/wire/link/messages.ts";
import { newestRevision } from "../../../src/wire/link/revisions/index.ts";
import { Receipts } from "../../../src/wire/link/send-window.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Body = any;

/** A status and a JSON body; `undefined` for no response at all. */
export type Answer = { status: number; body: object; headers?: Record<string, string> } | undefined;

/** Bytes that have arrived. */
export class Received {
  length = 0;
  readonly #parts: Buffer[] = [];

  add(part: Buffer): void {
    this.#parts.push(part);
    this.length += part.length;
  }

  toString(): string {
    return Buffer.concat(this.#parts).toString();
  }
}

/** The server's end of an attached agent. */
export interface Peer {
  transport: "websocket" | "sse";
  /** Headers of the attachment. */
  headers: Headers;
  send(event: ServerEvent | { event: string }, request?: string): void;
  /** Sends a comment, which only shows that the stream lives. */
  comment(): void;
  /** Text messages that have arrived on a WebSocket. */
  messages: AgentMessage[];
  /** False for a server that never says how many bytes have arrived on a WebSocket. */
  acknowledges: boolean;
  /** Sends bytes of a request on a WebSocket. */
  sendBytes(channel: number, bytes: string | Uint8Array): void;
  /** Bytes that have arrived on a WebSocket, by channel. */
  bytes: Map<number, Received>;
  /** Ends the stream; with a code on a WebSocket. */
  close(code?: number): void;
  /** Breaks the connection off without a close frame. */
  cut(): void;
  closed: Promise<void>;
}

export interface Call {
  path: string;
  bearer: string | null;
  body: Body;
}

/** A server with the exact wire protocol that otherwise does what the test says. */
export class ScriptedServer {
  readonly url: string;
  /** All POSTs, in their order. */
  readonly calls: Call[] = [];
  readonly peers: Peer[] = [];
  epoch = 0;
  /** The newest revision of the link protocol that it knows. */
  protocol = newestRevision.protocol;
  /** Number of pings that have arrived on WebSockets. */
  pings = 0;
  sessionId = "prov_1";
  transports: string[] | undefined = ["websocket", "sse"];
  /** Valid bearers. */
  bearers = new Set(["good"]);
  /** Result of an upgrade: `refuses` and `hangs` are proxies that do not know it, or never respond. */
  upgrade: "takes" | "refuses" | "hangs" = "takes";
  /** Responses in place of the usual ones, by the end of the path. */
  readonly answers: Partial<
    Record<
      "register" | "heartbeat" | "accept" | "result",
      (body: Body, path: string) => Answer | Promise<Answer>
    >
  > = {};
  /** Response in place of a stream. */
  onAttach: ((headers: Headers) => Answer) | undefined;
  readonly #server: ReturnType<typeof Bun.serve>;
  readonly #hanging: (() => void)[] = [];
  #waiting: ((peer: Peer) => void)[] = [];
  #taken = 0;

  constructor(port = 0) {
    this.#server = Bun.serve<{ peer?: SocketPeer; headers: Headers }>({
      port,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: (request, server) => this.#fetch(request, server as never) as Promise<Response>,
      websocket: {
        sendPings: false,
        open: (ws) => {
          ws.data.peer = new SocketPeer(ws, ws.data.headers, this.protocol > 2);
          this.#attached(ws.data.peer);
        },
        message: (ws, message) => ws.data.peer!.take(message),
        close: (ws) => ws.data.peer?.onClose(),
        ping: () => void this.pings++,
      },
    });
    this.url = `http://127.0.0.1:${this.#server.port}`;
    onTestFinished(() => this.stop());
  }

  get registers(): Body[] {
    return this.of("register").map(({ body }) => body);
  }

  /** Returns the calls with this end of their path. */
  of(end: "register" | "heartbeat" | "accept" | "result"): Call[] {
    return this.calls.filter(({ path }) => path.endsWith(end));
  }

  /** Returns the next agent that attaches, or one that has attached and was not returned yet. */
  peer(): Promise<Peer> {
    if (this.#taken < this.peers.length) return Promise.resolve(this.peers[this.#taken++]!);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  stop(): void {
    for (const end of this.#hanging.splice(0)) end();
    void this.#server.stop(true);
  }

  #attached(peer: Peer): void {
    this.peers.push(peer);
    peer.send({ event: "attached", epoch: this.epoch });
    const next = this.#waiting.shift();
    if (!next) return;
    this.#taken++;
    next(peer);
  }

  async #fetch(request: Request, server: Bun.Server<object>): Promise<Response | undefined> {
    const { pathname } = new URL(request.url);
    const bearer = request.headers.get("authorization")?.replace("Bearer ", "") ?? null;
    const body = request.method === "POST" ? await request.json() : undefined;
    if (request.method === "POST") this.calls.push({ path: pathname, bearer, body });
    if (!this.bearers.has(bearer ?? ""))
      return json({ status: 401, body: { code: "unauthenticated", error: "no" } });
    if (pathname === linkPaths.stream) return this.#attach(request, server);
    const end = /(register|heartbeat|accept|result)$/.exec(pathname)?.[1] as "register" | undefined;
    if (!end) return json({ status: 404, body: {} });
    const own = this.answers[end];
    const given = own ? await own(body, pathname) : this.#usual(end, body);
    return given ? json(given) : new Promise((end) => this.#hanging.push(() => end(new Response())));
  }

  /** Returns the response of a server that accepts the call. */
  #usual(end: string, body: Body): Answer {
    if (end === "register") {
      if (body.protocol > this.protocol)
        return {
          status: 400,
          body: { code: "invalid_request", error: "no", details: [{ path: "/protocol" }] },
        };
      this.epoch++;
      return {
        status: 201,
        body: {
          providerSessionId: this.sessionId,
          epoch: this.epoch,
          leaseMs: 90_000,
          heartbeatMs: 30_000,
          transports: this.transports,
          llms: [],
          agents: [],
          aNewerServerSaysMore: { x: 1 },
        },
      };
    }
    if (end === "result")
      return { status: 200, body: { ackSeq: body.seq ?? 0, credit: 262_144, cancelled: false } };
    return { status: 200, body: {} };
  }

  #attach(request: Request, server: Bun.Server<object>): Response | Promise<Response> | undefined {
    const { headers } = request;
    if (headers.get("upgrade") === "websocket") {
      if (this.upgrade === "hangs")
        return new Promise((end) => this.#hanging.push(() => end(new Response())));
      if (this.upgrade === "refuses") return new Response("Bad Gateway", { status: 502 });
      this.epoch++;
      return server.upgrade(request, { data: { headers } }) ? undefined : new Response(null, { status: 400 });
    }
    const refusal = this.onAttach?.(headers);
    if (refusal) return json(refusal);
    this.epoch++;
    const peer = new StreamPeer(headers);
    this.#attached(peer);
    return new Response(peer.body, {
      headers: { "content-type": "text/event-stream", "x-mcpctl-epoch": String(this.epoch) },
    });
  }
}

function json(answer: NonNullable<Answer>): Response {
  return Response.json(answer.body, {
    status: answer.status,
    ...(answer.headers && { headers: answer.headers }),
  });
}

class SocketPeer implements Peer {
  readonly transport = "websocket";
  readonly messages: AgentMessage[] = [];
  readonly bytes = new Map<number, Received>();
  acknowledges: boolean;
  readonly #receipts = new Receipts();
  readonly #closed = Promise.withResolvers<void>();
  readonly #socket: ServerWebSocket<unknown>;

  constructor(
    socket: ServerWebSocket<unknown>,
    readonly headers: Headers,
    acknowledges: boolean,
  ) {
    this.acknowledges = acknowledges;
    this.#socket = socket;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  send(event: object, request?: string): void {
    const text = JSON.stringify(event);
    this.#socket.send(request === undefined ? text : `${text.slice(0, -1)},"request":${request}}`);
  }

  sendBytes(channel: number, bytes: string | Uint8Array): void {
    this.#socket.send(encodeBytes(channel, typeof bytes === "string" ? Buffer.from(bytes) : bytes));
  }

  comment(): void {
    this.#socket.ping();
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  cut(): void {
    this.#socket.terminate();
  }

  take(message: string | Buffer): void {
    if (typeof message === "string") {
      this.messages.push(JSON.parse(message));
      return;
    }
    const { channel, bytes } = decodeBytes(message)!;
    const received = this.bytes.get(channel) ?? new Received();
    received.add(Buffer.from(bytes));
    this.bytes.set(channel, received);
    const total = this.#receipts.add(bytes.length);
    if (total !== undefined && this.acknowledges) this.send({ event: "received", bytes: total });
  }

  onClose(): void {
    this.#closed.resolve();
  }
}

class StreamPeer implements Peer {
  readonly transport = "sse";
  readonly messages: AgentMessage[] = [];
  readonly bytes = new Map<number, Received>();
  acknowledges = false;
  readonly body: ReadableStream<Uint8Array>;
  readonly #closed = Promise.withResolvers<void>();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #count = 0;

  constructor(readonly headers: Headers) {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#closed.resolve(),
    });
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  send({ event, ...data }: { event: string }, request?: string): void {
    const text = JSON.stringify(data);
    const whole =
      request === undefined ? text : `${text.slice(0, -1)}${text === "{}" ? "" : ","}"request":${request}}`;
    this.#write(`event: ${event}\nid: ${++this.#count}\ndata: ${whole}\n\n`);
  }

  sendBytes(): void {
    throw new Error("a stream of events has no binary frames");
  }

  comment(): void {
    this.#write(":\n\n");
  }

  close(): void {
    this.#controller.close();
    this.#closed.resolve();
  }

  cut(): void {
    this.close();
  }

  #write(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }
}
