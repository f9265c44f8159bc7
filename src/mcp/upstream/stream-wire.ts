import { Bag } from "../../bag.ts";
import { isRequest, isResponse, type JsonObject, type RpcMessage, type RpcRequest } from "../messages.ts";
import { McpFailure } from "../rpc-error.ts";
import { answerByOnly, PendingRequest, parseMessages, relatedId } from "./pending.ts";
import { unreadAnswer } from "./unread-answer.ts";
import type { ExchangeOptions, UpstreamWire, WireEvents } from "./wire.ts";

/** A way for messages in both directions, such as the pipes of a process. */
export interface MessageStream {
  /** Returns when the message has been handed on. @throws if it cannot be */
  send(message: RpcMessage): Promise<void>;
  close(): Promise<void>;
}

/** The most requests of a server that are not answered yet: one that asks on and on may not read the answers (T318). */
const mostAsked = 1000;

/** A wire over one stream of messages. All requests share it, told apart by their ids. */
export class StreamWire implements UpstreamWire {
  readonly #stream: MessageStream;
  readonly #events: WireEvents;
  readonly #pending = new Bag<PendingRequest>();
  #nextId = 1;
  /** Requests of the server that are not answered yet. */
  #asked = 0;
  #closed: Error | undefined;

  constructor(stream: MessageStream, events: WireEvents) {
    this.#stream = stream;
    this.#events = events;
  }

  use(): void {}

  async exchange(method: string, params: JsonObject, options: ExchangeOptions): Promise<JsonObject> {
    if (this.#closed) throw new McpFailure("closed", this.#closed.message, { isUnsent: true });
    const pending = new PendingRequest(this.#nextId++, options);
    this.#pending.add(pending);
    try {
      const request: RpcRequest = {
        jsonrpc: "2.0",
        id: pending.id,
        method,
        params: pending.withToken(params),
      };
      // Not awaited: a program that reads nothing would keep the call beyond its time.
      if (!pending.isOver) this.#send(request, pending);
      return await pending.result;
    } catch (error) {
      // `initialize` must not be cancelled.
      if (
        error instanceof McpFailure &&
        ["timeout", "cancelled"].includes(error.kind) &&
        method !== "initialize"
      )
        void this.#cancel(pending.id, error.message);
      throw error;
    } finally {
      this.#pending.delete(pending);
    }
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    await this.#stream.send({ jsonrpc: "2.0", method, ...(params && { params }) }).catch((cause) => {
      throw new McpFailure("closed", "the server has gone", { cause });
    });
  }

  async close(): Promise<void> {
    this.end(new McpFailure("closed", "the connection was closed"));
    await this.#stream.close();
  }

  /**
   * Takes the next text of the server: a message, or a batch of them.
   *
   * @param isHarmless true if it is known to be within the limits of JSON
   * @returns false if it is neither, and no response that cannot be read
   */
  read(text: string, isHarmless = false): boolean {
    const messages = parseMessages(text, isHarmless);
    if (messages) for (const message of messages) this.receive(message);
    if (messages) return true;
    const unread = unreadAnswer(text);
    const pending = unread && this.#of(unread.id);
    pending?.fail(unread!.failure);
    return pending !== undefined;
  }

  /** Takes the next message of the server. @throws if it sends requests faster than it takes their answers */
  receive(message: RpcMessage): void {
    const answer = (one: RpcMessage) => this.#stream.send(one);
    if (isResponse(message)) return this.#of(Number(message.id))?.take(message, answer);
    if (isRequest(message)) {
      if (this.#asked >= mostAsked) throw new Error("the server does not take the answers to its requests");
      this.#asked++;
      return void answerByOnly(message, this.#pending, answer).then(() => this.#asked--);
    }
    const id = relatedId(message);
    if (id !== undefined) return this.#of(Number(id))?.take(message, answer);
    this.#events.onNotification(message);
  }

  #of(id: number): PendingRequest | undefined {
    return this.#pending.find((one) => one.id === id);
  }

  /** Ends all requests: the stream is over. */
  end(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    for (const pending of this.#pending)
      pending.fail(new McpFailure("closed", reason.message, { cause: reason }));
    this.#events.onClose(reason);
  }

  #send(request: RpcRequest, pending: PendingRequest): void {
    this.#stream.send(request).catch((cause) => {
      pending.fail(new McpFailure("closed", "the server has gone", { isUnsent: true, cause }));
    });
  }

  async #cancel(requestId: number, reason: string): Promise<void> {
    await this.notify("notifications/cancelled", { requestId, reason }).catch(() => undefined);
  }
}
