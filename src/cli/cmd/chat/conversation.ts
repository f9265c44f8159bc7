import { Type } from "@sinclair/typebox";
import { fieldsOf, Id } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { type Answer, completion, type Message, type Piece, streamedAnswer, wholeAnswer } from "./answer.ts";

/** The persona or llm of a conversation. */
export interface Partner {
  kind: "agent" | "llm";
  name: string;
  /** The route that takes messages. */
  path: string;
  /** The name in the request's body, if the path does not name it. */
  model?: string;
  /** Names or patterns of the only tools that may be called; all if undefined. */
  allowTools?: readonly string[];
}

const begunThread = fieldsOf({ id: Id });
const keptThread = fieldsOf({
  id: Id,
  messages: Type.Array(
    Type.Object({ role: Type.String({ maxLength: 100 }), content: Type.Optional(Type.Unknown()) }),
  ),
});

const longestTitle = 60;

/** One conversation: its messages so far, and the requests for answers. */
export class Conversation {
  readonly partner: Partner;
  /** The messages and answers so far. */
  messages: Message[] = [];
  /** A system prompt, besides that of the persona. */
  system: string | undefined;
  /** Fields of the request, such as temperature. */
  readonly params = new Map<string, unknown>();
  /** The id of the thread in which the server keeps the conversation; `new` for one that the next message begins. */
  thread: string | undefined;
  readonly #client: ApiClient;
  /** The system prompt that the thread has already. */
  #sentSystem: string | undefined;

  constructor(client: ApiClient, partner: Partner) {
    this.#client = client;
    this.partner = partner;
  }

  /** Continues a thread. Throws AppError `not_found`. */
  async resume(id: string): Promise<void> {
    const thread = await this.#client.call("GET", `/api/v1/threads/${encodeURIComponent(id)}`, {
      answer: keptThread,
    });
    this.thread = thread.id;
    this.messages = thread.messages;
    this.#sentSystem = undefined;
  }

  /** Forgets the messages. A thread stays as it is, and the next message begins another one. */
  clear(): void {
    this.messages = [];
    if (this.thread !== undefined) this.thread = "new";
    this.#sentSystem = undefined;
  }

  /**
   * Sends a message and streams the answer. If it fails or is stopped, neither is kept.
   *
   * @throws AppError
   */
  async stream(text: string, onPiece: (piece: Piece) => void, signal: AbortSignal): Promise<Answer> {
    const turn = await this.#turn(text, signal);
    const body = { ...this.#request(turn), stream: true, stream_options: { include_usage: true } };
    const options = { body, signal, headers: this.#headers };
    const bytes = await this.#client.stream("POST", this.partner.path, options);
    const answer = await streamedAnswer(bytes, onPiece, signal);
    this.#keep(turn, answer);
    return answer;
  }

  /** Returns the request that a first message makes. */
  requestOf(text: string): Record<string, unknown> {
    const system = this.system ? [{ role: "system", content: this.system }] : [];
    return this.#request([...system, { role: "user", content: text }]);
  }

  /** Sends a message and returns the whole answer. */
  async ask(text: string, signal: AbortSignal): Promise<Answer> {
    const turn = await this.#turn(text, signal);
    const body = this.#request(turn);
    const headers = this.#headers;
    const options = { body, signal, headers, unlimited: true, answer: completion } as const;
    const answer = wholeAnswer(await this.#client.call("POST", this.partner.path, options));
    this.#keep(turn, answer);
    return answer;
  }

  /** The new messages of a turn. Begins a thread if one is wanted. */
  async #turn(text: string, signal: AbortSignal): Promise<Message[]> {
    if (this.thread === "new") {
      const path = `/api/v1/agents/${this.partner.name}/threads`;
      const title = text.replace(/\s+/g, " ").trim().slice(0, longestTitle);
      const { id } = await this.#client.call("POST", path, {
        body: { title },
        signal,
        answer: begunThread,
      });
      this.thread = id;
    }
    const system = this.thread === undefined ? this.system : this.#newSystem;
    return [...(system ? [{ role: "system", content: system }] : []), { role: "user", content: text }];
  }

  /** The system prompt if it has changed: a thread remembers the last one. */
  get #newSystem(): string | undefined {
    return this.system === this.#sentSystem ? undefined : this.system;
  }

  get #headers(): Record<string, string> {
    const { allowTools } = this.partner;
    return allowTools ? { "x-mcpctl-allow-tools": allowTools.join(",") } : {};
  }

  #request(turn: readonly Message[]): Record<string, unknown> {
    const { model } = this.partner;
    const params = Object.fromEntries(this.params);
    const fields = { ...params, ...(model !== undefined && { model }) };
    if (this.thread !== undefined) return { ...fields, thread: this.thread, messages: turn };
    const last = turn.at(-1)!;
    const first = turn.length > 1 ? [turn[0]!] : [];
    return { ...fields, messages: [...first, ...this.messages, last] };
  }

  #keep(turn: readonly Message[], answer: Answer): void {
    this.#sentSystem = this.system;
    this.messages.push(...(this.thread === undefined ? [turn.at(-1)!] : turn), answer.message);
  }
}
