import { Type } from "@sinclair/typebox";
import { nameIn } from "../../../mcp/http-headers.ts";
import { asMessage, isRequest, isResponse } from "../../../mcp/messages.ts";
import { Time, Words } from "../../client/answers.ts";
import { answerShape } from "../../client/shape.ts";

const Id = Type.Union([Words, Type.Number(), Type.Null()]);

/** One message of a client or to it. */
export interface TrafficItem {
  seq: number;
  /** RFC 3339. */
  at: string;
  from: string;
  type: string;
  method?: string;
  id?: string | number | null;
  subject?: string;
  bytes: number;
  durationMs?: number;
  status?: number;
  user?: string | null;
  token?: string | null;
  session?: string;
  client?: string;
  requestId?: string;
  body?: string;
  isCut?: boolean;
  leftOut?: string;
}

/** The check of a message as the server streams it. */
export const trafficItem = answerShape(
  Type.Object({
    seq: Type.Integer(),
    at: Time,
    from: Words,
    type: Words,
    method: Type.Optional(Words),
    id: Type.Optional(Id),
    subject: Type.Optional(Words),
    bytes: Type.Integer(),
    durationMs: Type.Optional(Type.Number()),
    status: Type.Optional(Type.Integer()),
    user: Type.Optional(Type.Union([Words, Type.Null()])),
    token: Type.Optional(Type.Union([Words, Type.Null()])),
    session: Type.Optional(Words),
    client: Type.Optional(Words),
    requestId: Type.Optional(Words),
    body: Type.Optional(Type.String({ maxLength: 200_000 })),
    isCut: Type.Optional(Type.Boolean()),
    leftOut: Type.Optional(Words),
  }),
);

/** The check of what the server says about itself and about what it keeps. */
export const trafficState = answerShape(
  Type.Object({ traffic: Words, node: Words, severalNodes: Type.Boolean() }),
);

/** The most messages that are kept here. */
const maxItems = 1000;

/** The most characters of their bodies. */
const maxCharacters = 16 * 1024 * 1024;

/** The newest messages, in memory. */
export class TrafficItems {
  readonly list: TrafficItem[] = [];
  #characters = 0;

  add(item: TrafficItem): void {
    this.list.push(item);
    this.#characters += item.body?.length ?? 0;
    while (this.list.length > maxItems || (this.#characters > maxCharacters && this.list.length > 1))
      this.#characters -= this.list.shift()!.body?.length ?? 0;
  }

  clear(): void {
    this.list.length = 0;
    this.#characters = 0;
  }
}

/** Records the messages of one client: its own. */
export class OwnMessages {
  readonly items = new TrafficItems();
  readonly #requests = new Map<unknown, { at: number; method: string; subject: string | undefined }>();
  readonly #now: () => number;
  readonly #onAdded: () => void;
  #seq = 0;

  constructor(now: () => number, onAdded: () => void) {
    this.#now = now;
    this.#onAdded = onAdded;
  }

  /** Takes one message as JSON. What is no message is passed over. */
  record(from: "client" | "server", body: string): void {
    const at = this.#now();
    const message = asMessage(parsed(body));
    if (!message) return;
    const base = {
      seq: ++this.#seq,
      at: new Date(at).toISOString(),
      from,
      bytes: Buffer.byteLength(body),
      body,
    };
    if (isResponse(message)) {
      const request = this.#requests.get(message.id);
      this.#requests.delete(message.id);
      this.items.add({
        ...base,
        type: message.error ? "error" : "response",
        id: message.id,
        ...(request && { method: request.method, durationMs: at - request.at }),
        ...(request?.subject !== undefined && { subject: request.subject }),
      });
    } else {
      const { method, params = {} } = message;
      const subject = nameIn(method, params);
      if (isRequest(message)) this.#requests.set(message.id, { at, method, subject });
      this.items.add({
        ...base,
        type: isRequest(message) ? "request" : "notification",
        method,
        ...(isRequest(message) && { id: message.id }),
        ...(subject !== undefined && { subject }),
      });
    }
    this.#onAdded();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
