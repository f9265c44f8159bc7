import { randomUUID } from "node:crypto";
import { AppError } from "../../errors.ts";
import {
  type ChatAnswer,
  type ChatChoice,
  type ChatCompletion,
  doneData,
  mergeChatUsage,
} from "../../wire/dialects/chat.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import { sseFrame } from "../../wire/sse.ts";
import { brokenOff, saysFailure } from "../finish-reason.ts";
import { faultOf, isChatError, reportedFault } from "../provider-fault.ts";
import { AnswerPieces } from "../translation/answer-pieces.ts";
import { ToolSlots } from "../translation/tool-slots.ts";
import type { AnswerShapes } from "./types.ts";

export const chatShapes: AnswerShapes = {
  dialect: "chat",
  faultIn(body) {
    const answer = (isObject(body) ? body : {}) as ChatCompletion & { object?: string };
    if (isChatError(answer)) return reportedFault(answer);
    if (!Array.isArray(answer.choices) || answer.choices.length === 0)
      return faultOf(body) ?? { message: "the provider sent an answer without choices" };
    if (!answer.choices.some(hasAnswer)) return { message: "the provider sent a choice without a message" };
    for (const choice of answer.choices) if (saysFailure(choice?.finish_reason)) return brokenOff(choice);
    return undefined;
  },
  toStream(body) {
    const { choices = [], usage, ...rest } = body as ChatCompletion & Record<string, unknown>;
    // Each choice has two chunks, each with a head: a small answer of many choices would become gigabytes (T295).
    if (choices.length > mostChoices)
      throw new AppError("provider_error", `the provider sent more than ${mostChoices} choices`);
    let head = { ...rest, object: "chat.completion.chunk" };
    const chunk = (fields: object) => {
      const frame = sseFrame({ data: JSON.stringify({ ...head, ...fields }) });
      head = laterHead(head);
      return frame;
    };
    const answers = choices.map(({ index = 0, message = {}, finish_reason, ...more }) => {
      const tool_calls = message.tool_calls?.map((call, at) => ({ index: at, ...call }));
      const delta = { ...message, ...(tool_calls && { tool_calls }) };
      return (
        chunk({ choices: [{ ...more, index, delta, finish_reason: null }] }) +
        chunk({ choices: [{ index, delta: {}, finish_reason: finish_reason ?? "stop" }] })
      );
    });
    const counted = usage ? chunk({ choices: [], usage }) : "";
    return answers.join("") + counted + sseFrame({ data: doneData });
  },
  collect() {
    const choices = new Map<number, WholeChoice>();
    const head = new Map<string, unknown>();
    let total: ChatCompletion["usage"];
    return {
      add({ data }) {
        const chunk = parsedObject(data) as ChatCompletion | undefined;
        if (!chunk) return;
        const { choices: pieces, usage, ...fields } = chunk;
        if (usage) total = mergeChatUsage(total ?? undefined, usage);
        for (const [name, value] of Object.entries(fields)) if (!head.has(name)) head.set(name, value);
        for (const piece of Array.isArray(pieces) ? pieces : []) {
          const index = piece?.index ?? 0;
          const choice = choices.get(index) ?? new WholeChoice(index);
          choices.set(index, choice.add(piece ?? {}));
        }
      },
      whole: () => ({
        ...Object.fromEntries(head),
        ...(total && { usage: total }),
        object: "chat.completion",
        choices: [...choices.values()].map((choice) => choice.answer),
      }),
    };
  },
};

/** The most choices of an answer: OpenAI's `n` has the same limit. */
const mostChoices = 128;
/** The fields that each chunk of a stream has, if they are short; others stand in the first one. */
const everyChunk: readonly string[] = [
  "id",
  "object",
  "created",
  "model",
  "system_fingerprint",
  "service_tier",
];
const shortValue = 256;

function laterHead<Head extends object>(head: Head): Head {
  const kept = Object.entries(head).filter(
    ([name, value]) => everyChunk.includes(name) && String(value).length <= shortValue,
  );
  return Object.fromEntries(kept) as Head;
}

function hasAnswer(choice: ChatChoice | null): boolean {
  return isObject(choice?.message) || isObject(choice?.delta);
}

/** A choice that is put together from its pieces. */
class WholeChoice {
  readonly #index: number;
  readonly #message: Record<string, unknown> = { role: "assistant", content: null };
  readonly #pieces = new AnswerPieces();
  readonly #tools = new ToolSlots();
  #end: Omit<ChatChoice, "delta" | "message"> = {};

  constructor(index: number) {
    this.#index = index;
  }

  add({ delta, message, text, ...end }: ChatChoice): this {
    const { tool_calls, ...texts } = this.#pieces.asSent({ delta, message, text });
    for (const [name, piece] of Object.entries(texts)) {
      if (piece === null || piece === undefined) continue;
      this.#message[name] = name === "role" ? piece : continued(this.#message[name], piece);
    }
    for (const call of Array.isArray(tool_calls) ? tool_calls : []) this.#tools.add(call);
    this.#end = { ...end, finish_reason: end.finish_reason ?? this.#end.finish_reason ?? null };
    return this;
  }

  get answer(): ChatChoice {
    for (const slot of this.#tools.all) slot.end();
    const tool_calls = this.#tools.all.map(
      ({ id = `call_${randomUUID()}`, name, arguments: text, extra }) => ({
        id,
        type: "function",
        function: { name, arguments: text },
        ...(extra !== undefined && { extra_content: extra }),
      }),
    );
    const message = { ...this.#message, ...(tool_calls.length > 0 && { tool_calls }) } as ChatAnswer;
    return { ...this.#end, index: this.#index, message };
  }
}

/**
 * Continues a field of a message: a text, a list of parts as Mistral has it, or the fields of a call without an id. Lists and
 * objects are continued in place: a stream may have hundreds of thousands of pieces (T295).
 */
function continued(before: unknown, piece: unknown): unknown {
  if (before === null || before === undefined || before === "") return piece;
  if (typeof before === "string" && typeof piece === "string") return before + piece;
  if (Array.isArray(before) || Array.isArray(piece)) {
    const parts = partsOf(before);
    for (const part of partsOf(piece)) parts.push(part);
    return parts;
  }
  if (!isObject(before) || !isObject(piece)) return piece;
  for (const [name, value] of Object.entries(piece))
    if (name !== "__proto__") before[name] = continued(before[name], value);
  return before;
}

function partsOf(content: unknown): unknown[] {
  if (Array.isArray(content)) return content;
  return content === "" ? [] : [{ type: "text", text: content }];
}
