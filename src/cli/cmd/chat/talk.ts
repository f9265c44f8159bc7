import type { ApiClient } from "../../client/client.ts";
import { type Answer, type Message, type Piece, streamedAnswer, wholeAnswer } from "./answer.ts";

/** Who is spoken to. */
export interface Partner {
  kind: "agent" | "llm";
  name: string;
  /** Where the server takes what is said. */
  path: string;
  /** As the body names it, where the path does not. */
  model?: string;
}

interface Thread {
  id: string;
  messages: Message[];
}

const longestTitle = 60;

/** One conversation: what was said so far, and how the next answer is asked for. */
export class Talk {
  readonly partner: Partner;
  /** What was said and answered. */
  messages: Message[] = [];
  /** Told to the model before all else, besides what a persona is told. */
  system: string | undefined;
  /** Fields of the request: temperature and the like. */
  readonly params = new Map<string, unknown>();
  /** Where the server keeps the conversation; `new`: one that begins with the next words. */
  thread: string | undefined;
  readonly #client: ApiClient;
  /** What the thread has been told already. */
  #toldSystem: string | undefined;

  constructor(client: ApiClient, partner: Partner) {
    this.#client = client;
    this.partner = partner;
  }

  /** Goes on in a thread. Throws AppError `not_found`. */
  async resume(id: string): Promise<void> {
    const thread = await this.#client.call<Thread>("GET", `/api/v1/threads/${encodeURIComponent(id)}`);
    this.thread = thread.id;
    this.messages = thread.messages;
    this.#toldSystem = undefined;
  }

  /** Forgets what was said; a thread stays as it is, and another is begun. */
  clear(): void {
    this.messages = [];
    if (this.thread !== undefined) this.thread = "new";
    this.#toldSystem = undefined;
  }

  /**
   * Says something, and is given the answer piece by piece. What fails or is stopped was never said.
   *
   * @throws AppError
   */
  async say(text: string, take: (piece: Piece) => void, signal: AbortSignal): Promise<Answer> {
    const said = await this.#turn(text, signal);
    const body = { ...this.#request(said), stream: true, stream_options: { include_usage: true } };
    const response = await this.#client.raw("POST", this.partner.path, { body, signal });
    const answer = await streamedAnswer(response.body, take, signal);
    this.#keep(said, answer);
    return answer;
  }

  /** The same with an answer that comes whole. */
  async ask(text: string, signal: AbortSignal): Promise<Answer> {
    const said = await this.#turn(text, signal);
    const body = this.#request(said);
    const options = { body, signal, patient: true } as const;
    const answer = wholeAnswer(await this.#client.call("POST", this.partner.path, options));
    this.#keep(said, answer);
    return answer;
  }

  /** The new messages of a turn. Begins the thread, where one is to be begun. */
  async #turn(text: string, signal: AbortSignal): Promise<Message[]> {
    if (this.thread === "new") {
      const path = `/api/v1/agents/${this.partner.name}/threads`;
      const title = text.replace(/\s+/g, " ").trim().slice(0, longestTitle);
      const { id } = await this.#client.call<Thread>("POST", path, { body: { title }, signal });
      this.thread = id;
    }
    const tells = this.thread === undefined ? this.system : this.#news;
    return [...(tells ? [{ role: "system", content: tells }] : []), { role: "user", content: text }];
  }

  /** A thread remembers what it was told: it is told again only what has changed. */
  get #news(): string | undefined {
    return this.system === this.#toldSystem ? undefined : this.system;
  }

  #request(said: readonly Message[]): Record<string, unknown> {
    const { model } = this.partner;
    const params = Object.fromEntries(this.params);
    const where = { ...params, ...(model !== undefined && { model }) };
    if (this.thread !== undefined) return { ...where, thread: this.thread, messages: said };
    const last = said.at(-1)!;
    const first = said.length > 1 ? [said[0]!] : [];
    return { ...where, messages: [...first, ...this.messages, last] };
  }

  #keep(said: readonly Message[], answer: Answer): void {
    this.#toldSystem = this.system;
    this.messages.push(...(this.thread === undefined ? [said.at(-1)!] : said), answer.message);
  }
}
