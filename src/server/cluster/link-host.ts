import { randomBytes } from "node:crypto";
import type { EndSignal } from "../../end-signal.ts";
import type { JsonObject, RpcRequest } from "../../mcp/messages.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { within } from "../core/lifecycle.ts";
import type { SocketHandler } from "../core/socket-handler.ts";
import type { ServerNotice } from "../mcp/types.ts";
import {
  type AskedMessage,
  type AskingMessage,
  decodeError,
  encodeError,
  type NodeEvent,
  type NodeRequest,
  unanswered,
} from "./link-messages.ts";
import { SealedChannel } from "./sealed-channel.ts";

/** The means of a request of another node while it is carried out. */
export interface HostedExchange {
  /** Aborts when the other node cancels the request, or has gone. */
  signal: AbortSignal;
  /** The link that it came by. */
  link: HostedLink;
  send(event: NodeEvent): void;
  ask(request: RpcRequest, signal: EndSignal): Promise<JsonObject>;
}

export interface HostedLinkOptions {
  key: string;
  /** The nonce of the node that asks. */
  nonce: string;
  handle(request: NodeRequest, exchange: HostedExchange): Promise<JsonObject>;
  onEnd(link: HostedLink): void;
}

/** The most bytes of a frame before the other side has proved that it is a node. */
const firstFrameBytes = 1024;

/** Milliseconds in which it must do so, and without any message after which it is taken for gone. */
const proofTime = 5000;
const silence = 9000;

/** Milliseconds in which the other side closes a link that is left. One of an earlier version does not. */
const leaveTime = 1000;

interface Hosted {
  abort: AbortController;
  questions: Map<number, PromiseWithResolvers<JsonObject>>;
}

/** A connection of another node, on which that one asks. */
export class HostedLink implements SocketHandler {
  readonly #options: HostedLinkOptions;
  readonly #requests = new Map<number, Hosted>();
  readonly #channel: SealedChannel;
  readonly #nonce = randomBytes(18).toString("base64url");
  #socket: Bun.ServerWebSocket<SocketHandler> | undefined;
  #isProved = false;
  readonly #closed = Promise.withResolvers<void>();
  #isOver = false;
  #heardAt = performance.now();
  #lastQuestion = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: HostedLinkOptions) {
    this.#options = options;
    this.#channel = new SealedChannel(options.key, [options.nonce, this.#nonce], false);
  }

  opened(socket: Bun.ServerWebSocket<SocketHandler>): void {
    this.#socket = socket;
    socket.send(this.#nonce);
    const look = () => {
      if (performance.now() - this.#heardAt > (this.#isProved ? silence : proofTime)) this.close();
    };
    this.#timer = setInterval(look, 1000);
    this.#timer.unref();
  }

  text(): void {
    this.close();
  }

  bytes(frame: Buffer): void {
    try {
      if (!this.#isProved && frame.length > firstFrameBytes) throw new Error("the frame is too long");
      const message = parseExact(this.#channel.open(frame)) as AskingMessage;
      this.#isProved = true;
      this.#heardAt = performance.now();
      this.#receive(message);
    } catch {
      this.close();
    }
  }

  closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket = undefined;
    clearInterval(this.#timer);
    for (const { abort, questions } of this.#requests.values()) {
      abort.abort();
      for (const { reject } of questions.values()) reject(unanswered());
    }
    this.#options.onEnd(this);
    this.#closed.resolve();
  }

  /**
   * Lets the other side close the link, and waits for that. If this one closed it, the answers on their way would be lost
   * wherever a message of the other side is on its way too (failure mode 300).
   */
  async leave(): Promise<void> {
    if (this.#isProved) {
      this.#send({ op: "leaving" });
      await within(leaveTime, this.#closed.promise);
    }
    this.close();
  }

  close(): void {
    this.#socket?.terminate();
    this.closed();
  }

  /** Passes on a message that an instance of this node sends by itself. */
  notify(notice: ServerNotice): void {
    if (this.#isProved) this.#send({ op: "notice", notice });
  }

  #send(message: AskedMessage): void {
    if (!this.#socket) return;
    // 0: Bun has dropped it, because too much waits. A link with a gap is of no use.
    if (this.#socket.send(this.#channel.seal(JSON.stringify(message))) === 0) this.close();
  }

  #receive(message: AskingMessage): void {
    if (message.op === "ping") return this.#send({ op: "pong" });
    if (message.op === "request") return void this.#serve(message.id, message.request);
    const hosted = this.#requests.get(message.id);
    if (message.op === "cancel") return hosted?.abort.abort();
    const question = hosted?.questions.get(message.question);
    if (message.error) question?.reject(decodeError(message.error));
    else question?.resolve(message.result ?? {});
  }

  async #serve(id: number, request: NodeRequest): Promise<void> {
    const hosted: Hosted = { abort: new AbortController(), questions: new Map() };
    this.#requests.set(id, hosted);
    try {
      const result = await this.#options.handle(request, {
        signal: hosted.abort.signal,
        link: this,
        send: (event) => this.#send({ op: "event", id, event }),
        ask: (question, signal) => this.#ask(id, hosted, question, signal),
      });
      this.#send({ op: "result", id, result });
    } catch (error) {
      this.#send({ op: "failed", id, error: encodeError(error) });
    } finally {
      this.#requests.delete(id);
    }
  }

  async #ask(id: number, hosted: Hosted, request: RpcRequest, signal: EndSignal): Promise<JsonObject> {
    if (signal.aborted || this.#isOver) throw unanswered();
    const question = ++this.#lastQuestion;
    const answer = Promise.withResolvers<JsonObject>();
    const withdraw = () => {
      this.#send({ op: "withdraw", id, question });
      answer.reject(unanswered());
    };
    hosted.questions.set(question, answer);
    signal.addEventListener("abort", withdraw, { once: true });
    this.#send({ op: "ask", id, question, request });
    try {
      return await answer.promise;
    } finally {
      signal.removeEventListener("abort", withdraw);
      hosted.questions.delete(question);
    }
  }
}
