import { whenGone } from "../../../wire/incoming-request.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { BodyBudget } from "../../core/body-budget.ts";
import type { Deadline, Deadlines } from "../../core/deadlines.ts";
import { GrowingMemory } from "../../core/growing-memory.ts";
import { inParts } from "../../core/in-parts.ts";
import type { OpenStreams } from "../../core/open-streams.ts";
import { type WholeInit, wholeResponse } from "../../core/whole-response.ts";
import type { ClientAnswer } from "./client-answer.ts";
import { ClientStream } from "./client-stream.ts";
import type { McpHttpRequest } from "./http-request.ts";
import type { MessageTap } from "./message-tap.ts";

/** Milliseconds without an answer after which a response becomes a stream, so that nothing between takes it for dead. */
const quietLimit = 10_000;

const noMemory = "too many large answers are not read yet: call again later";

const jsonType = { "content-type": "application/json" };

/** The parts that all replies use. */
export interface ReplyServices {
  streams: OpenStreams;
  deadlines: Deadlines;
  /** The memory for large answers. */
  answers: Pick<BodyBudget, "isLarge" | "tryHold">;
}

export interface ReplyOptions {
  request: McpHttpRequest;
  principal: Principal;
  /** The number of answers that the client waits for. */
  expects: number;
  /** True if the answers are a list, also a single one. */
  isBatch?: boolean;
  headers?: Readonly<Record<string, string>>;
  /** Sees the messages. */
  tap: MessageTap | undefined;
  /** Is called before the last bytes of a stream are sent. */
  onLastBytes(): void;
  /** Is called once if the client leaves, or its bearer ends, before it has all answers. */
  onGone(): void;
}

/**
 * The response to one POST: the answers as JSON, or a stream of messages from the first message on that is not an
 * answer. It is our own and not a transport of the SDK, because it has to end with the bearer, hold nothing for clients
 * that do not read, and tell which HTTP request a message belongs to.
 */
export class HttpReply {
  readonly response: Promise<Response>;
  /** True if the client takes streams, so that it can be sent more than the answers. */
  readonly canStream: boolean;
  readonly #options: ReplyOptions;
  readonly #settle: (response: Response) => void;
  readonly #answers: string[] = [];
  readonly #removeStream: () => void;
  readonly #deadline: Deadline | undefined;
  readonly #memory: ReplyServices["answers"];
  #stream: ClientStream | undefined;
  /** The memory of what is in the stream and not read. */
  readonly #growing: GrowingMemory;
  #status = 200;
  #retryAfter: number | undefined;
  #isOver = false;
  /** The answers that were sent or left out. */
  #done = 0;

  constructor(options: ReplyOptions, { streams, deadlines, answers }: ReplyServices) {
    this.#options = options;
    this.#memory = answers;
    this.#growing = new GrowingMemory(answers, options.principal.userId);
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#settle = resolve;
    this.canStream = acceptsStreams(options.request);
    this.#removeStream = streams.add(options.principal, () => this.#revoke());
    if (this.canStream) this.#deadline = deadlines.after(quietLimit, () => this.#open().comment());
    whenGone(options.request, () => this.#gone());
  }

  /** Sends a notification. It is left out if the client reads too slowly or takes no stream. */
  notify(message: string): void {
    if (this.canStream && !this.#isOver) this.#open().offer(message);
  }

  /** Sends a request of the server. */
  ask(message: string): void {
    if (this.canStream && !this.#isOver) this.#open().send(message);
  }

  /** Sends an answer. The last one ends the response. */
  answer({ text: message, status, retryAfter }: ClientAnswer): void {
    if (this.#isOver) return;
    this.#retryAfter = retryAfter;
    if (this.#stream) this.#stream.send(this.#affordable(this.#stream, message));
    else {
      this.#options.tap?.sent(message);
      this.#answers.push(message);
    }
    this.#status = status;
    this.#count();
  }

  /** Returns an answer, or an error in its place where there is no memory until the client has read it (T256). */
  #affordable(stream: ClientStream, message: string): string {
    if (this.#growing.grow(stream.waiting + message.length)) return message;
    const [, id = "null"] = /^\{"jsonrpc":"2\.0","id":("(?:[^"\\]|\\.)*"|-?\d+)/.exec(message) ?? [];
    return `{"jsonrpc":"2.0","id":${id},"error":{"code":-32000,"message":"${noMemory}"}}`;
  }

  /** Leaves one answer out: the client has cancelled the request. */
  skip(): void {
    if (!this.#isOver) this.#count();
  }

  #count(): void {
    this.#done++;
    if (this.#done < this.#options.expects) return;
    this.#end();
    if (this.#stream) {
      this.#options.onLastBytes();
      this.#stream.end();
    } else this.#settle(this.#json());
  }

  #json(): Response {
    const { isBatch } = this.#options;
    const wait = this.#retryAfter;
    const headers =
      wait === undefined
        ? this.#options.headers
        : { ...this.#options.headers, "retry-after": `${Math.ceil(wait)}` };
    if (this.#answers.length === 0) return new Response(null, { status: 202, ...(headers && { headers }) });
    const text = isBatch ? `[${this.#answers.join(",")}]` : this.#answers[0]!;
    const rest = {
      status: isBatch ? 200 : this.#status,
      headers: headers ? { ...jsonType, ...headers } : jsonType,
    };
    if (this.#memory.isLarge(text.length)) return this.#large(text, rest);
    return wholeResponse(text, rest, this.#options.request);
  }

  /** Returns a response that holds memory until the client has read it, or an error where there is none (T227). */
  #large(text: string, rest: WholeInit): Response {
    const { principal, request } = this.#options;
    const held = this.#memory.tryHold(principal.userId, text.length);
    if (!held) return failed(-32_000, noMemory, 503);
    const release = () => held.release();
    whenGone(request, release);
    return new Response(inParts(text, release), rest);
  }

  /** Makes the response a stream. */
  #open(): ClientStream {
    if (this.#stream) return this.#stream;
    this.#deadline?.cancel();
    const stream = new ClientStream();
    stream.onGone = () => this.#gone();
    stream.onRead = () => this.#growing.release();
    this.#stream = stream;
    for (const answer of this.#answers.splice(0)) stream.send(this.#affordable(stream, answer));
    const { tap } = this.#options;
    if (tap) stream.tap = (message) => tap.sent(message);
    this.#settle(stream.response(this.#options.headers));
    return stream;
  }

  #revoke(): void {
    if (this.#isOver) return;
    this.#end();
    this.#stream?.end();
    this.#settle(failed(-32_600, "the session or token is not valid any more", 401));
    this.#options.onGone();
  }

  #gone(): void {
    if (this.#isOver) return;
    this.#end();
    // Nobody reads it, but the handler of the request waits for it.
    this.#settle(new Response(null, { status: 499 }));
    this.#options.onGone();
  }

  #end(): void {
    this.#isOver = true;
    this.#deadline?.cancel();
    this.#removeStream();
  }
}

/** True if a client accepts event streams. One that says nothing accepts all. */
export function acceptsStreams({ headers }: Pick<McpHttpRequest, "headers">): boolean {
  const accept = headers.get("accept");
  return accept === null || /text\/(event-stream|\*)|\*\/\*/i.test(accept);
}

/** Returns an error that belongs to the whole request. */
function failed(code: number, message: string, status: number): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
}
