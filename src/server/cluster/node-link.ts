import { randomBytes } from "node:crypto";
import type { EndSignal } from "../../end-signal.ts";
import type { JsonObject, RpcRequest } from "../../mcp/messages.ts";
import { parseExact } from "../../wire/exact-json.ts";
import type { ClusterNode } from "../core/store/cluster-store.ts";
import type { ServerNotice } from "../mcp/types.ts";
import {
  type AskedMessage,
  type AskingMessage,
  decodeError,
  encodeError,
  LinkLost,
  type NodeEvent,
  type NodeRequest,
} from "./link-messages.ts";
import { helloOf, nodeHeader, SealedChannel } from "./sealed-channel.ts";

/** The path at which nodes take links of other nodes. */
export const nodeLinkPath = "/api/v1/_cluster/link";

/** Milliseconds. */
const openTime = 5000;
const pingTime = 2500;
const silence = 9000;

/** The parts of Bun's WebSocket that the types of browsers do not have. */
type BunSocket = Omit<WebSocket, "send"> & { send(frame: Buffer): void; terminate(): void };
const BunWebSocket = WebSocket as unknown as new (url: string, options: object) => BunSocket;

/** The parts of one request besides its answer. */
export interface NodeExchange {
  signal?: EndSignal | undefined;
  onEvent?(event: NodeEvent): void;
  /** Answers a question of the instance. */
  onAsk?(request: RpcRequest, signal: EndSignal): Promise<JsonObject>;
}

interface Waiting {
  resolve(result: JsonObject): void;
  reject(error: Error): void;
  exchange: NodeExchange;
  questions: Map<number, AbortController>;
}

/** A connection to another node, on which this one asks. Many requests share it. */
export class NodeLink {
  readonly node: ClusterNode;
  /** Is called with messages that instances of the other node send by themselves. */
  onNotice: (notice: ServerNotice) => void = () => undefined;
  readonly #socket: BunSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #nonce = randomBytes(18).toString("base64url");
  #channel: SealedChannel | undefined;
  #heardAt = performance.now();
  #lastId = 0;
  #isOver = false;

  constructor(node: ClusterNode) {
    this.node = node;
    this.#opened.promise.catch(() => undefined);
    this.#socket = new BunWebSocket(`${node.url.replace(/^http/, "ws").replace(/\/+$/, "")}${nodeLinkPath}`, {
      headers: { [nodeHeader]: helloOf(node.key, node.id, this.#nonce) },
      perMessageDeflate: false,
    });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("message", ({ data }) => this.#take(data));
    this.#socket.addEventListener("close", () => this.close());
    this.#socket.addEventListener("error", () => this.close());
    this.#timer = setInterval(() => this.#beat(), pingTime);
    this.#timer.unref();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Sends a request, and returns its result.
   *
   * @throws LinkLost, InstanceMoved, or the error of the other node
   */
  async request(request: NodeRequest, exchange: NodeExchange = {}): Promise<JsonObject> {
    await this.#opened.promise;
    if (this.#isOver) throw new LinkLost(true);
    const { signal } = exchange;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    this.#waiting.set(id, { resolve, reject, exchange, questions: new Map() });
    this.#send({ op: "request", id, request });
    const cancel = () => this.#send({ op: "cancel", id });
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", cancel);
      for (const controller of this.#waiting.get(id)?.questions.values() ?? []) controller.abort();
      this.#waiting.delete(id);
    }
  }

  /** Ends the link. Requests that wait fail. */
  close(): void {
    this.#end(false);
  }

  /** @param isRefused true if the other node has not carried out the requests that wait */
  #end(isRefused: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#opened.reject(new LinkLost(true));
    for (const { reject } of [...this.#waiting.values()]) reject(new LinkLost(isRefused));
    this.#socket.terminate();
  }

  #send(message: AskingMessage): void {
    if (!this.#isOver && this.#channel) this.#socket.send(this.#channel.seal(JSON.stringify(message)));
  }

  /** A host that has lost its network closes no connection: silence is the end, too. */
  #beat(): void {
    if (performance.now() - this.#heardAt > (this.#channel ? silence : openTime)) return this.close();
    this.#send({ op: "ping" });
  }

  #take(data: unknown): void {
    this.#heardAt = performance.now();
    try {
      if (typeof data === "string") return this.#open(data);
      if (!this.#channel || !(data instanceof ArrayBuffer)) throw new Error("unexpected frame");
      this.#receive(parseExact(this.#channel.open(Buffer.from(data))) as AskedMessage);
    } catch {
      this.close();
    }
  }

  /** The other node has sent its nonce: from here on all is sealed. */
  #open(nonce: string): void {
    if (this.#channel || !/^[\w-]{16,64}$/.test(nonce)) throw new Error("unexpected frame");
    this.#channel = new SealedChannel(this.node.key, [this.#nonce, nonce], true);
    this.#send({ op: "ping" });
    this.#opened.resolve();
  }

  #receive(message: AskedMessage): void {
    if (message.op === "pong") return;
    if (message.op === "leaving") return this.#end(true);
    if (message.op === "notice") return this.onNotice(message.notice);
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    switch (message.op) {
      case "result":
        return waiting.resolve(message.result);
      case "failed":
        return waiting.reject(decodeError(message.error));
      case "event":
        return waiting.exchange.onEvent?.(message.event);
      case "withdraw":
        return waiting.questions.get(message.question)?.abort();
      case "ask":
        return void this.#ask(message.id, waiting, message.question, message.request);
    }
  }

  async #ask(id: number, waiting: Waiting, question: number, request: RpcRequest): Promise<void> {
    const controller = new AbortController();
    waiting.questions.set(question, controller);
    try {
      const result = await waiting.exchange.onAsk?.(request, controller.signal);
      this.#send({ op: "answer", id, question, result: result ?? {} });
    } catch (error) {
      this.#send({ op: "answer", id, question, error: encodeError(error) });
    } finally {
      waiting.questions.delete(question);
    }
  }
}
