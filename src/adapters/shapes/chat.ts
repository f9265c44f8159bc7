import { randomUUID } from "node:crypto";
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
    const failed = answer.choices.find((choice) => saysFailure(choice?.finish_reason));
    return failed && brokenOff(failed);
  },
  toStream(body) {
    const { choices = [], usage, ...rest } = body as ChatCompletion & Record<string, unknown>;
    const head = { ...rest, object: "chat.completion.chunk" };
    const chunk = (fields: object) => sseFrame({ data: JSON.stringify({ ...head, ...fields }) });
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
  toWhole(events) {
    const choices = new Map<number, WholeChoice>();
    let whole: Record<string, unknown> = {};
    for (const { data } of events) {
      const chunk = parsedObject(data) as ChatCompletion | undefined;
      if (!chunk) continue;
      const { choices: pieces, usage, ...head } = chunk;
      const merged = usage && mergeChatUsage((whole as ChatCompletion).usage ?? undefined, usage);
      whole = { ...head, ...whole, ...(merged && { usage: merged }) };
      for (const piece of Array.isArray(pieces) ? pieces : []) {
        const index = piece?.index ?? 0;
        const choice = choices.get(index) ?? new WholeChoice(index);
        choices.set(index, choice.add(piece ?? {}));
      }
    }
    return {
      ...whole,
      object: "chat.completion",
      choices: [...choices.values()].map((choice) => choice.answer),
    };
  },
};

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

/** Continues a field of a message: a text, a list of parts as Mistral has it, or the fields of a call without an id. */
function continued(before: unknown, piece: unknown): unknown {
  if (before === null || before === undefined || before === "") return piece;
  if (typeof before === "string" && typeof piece === "string") return before + piece;
  if (Array.isArray(before) || Array.isArray(piece)) return [...partsOf(before), ...partsOf(piece)];
  if (!isObject(before) || !isObject(piece)) return piece;
  const entries = Object.entries(piece).map(([name, value]) => [name, continued(before[name], value)]);
  return { ...before, ...Object.fromEntries(entries) };
}

function partsOf(content: unknown): unknown[] {
  if (Array.isArray(content)) return content;
  return content === "" ? [] : [{ type: "text", text: content }];
}
