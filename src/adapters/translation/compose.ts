import { AppError } from "../../errors.ts";
import { fieldName } from "../../wire/dialects/errors.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import type { SseEvent } from "../../wire/sse.ts";
import type { Quirks } from "../quirks/types.ts";
import type { ResponsesAnswer, StreamFault, StreamPipe, Translation } from "../types.ts";
import type { ChatRequest, FromChat, ToChat } from "./halves.ts";
import { type Fields, refused } from "./request-fields.ts";
import type { TranslatedPipe } from "./translated-pipe.ts";

type Step<Result> = (body: Fields, model: string, quirks: Quirks) => Result;

/** Makes one translation of two that meet in chat. */
export function compose(first: ToChat, second: FromChat): Translation {
  const toChat: Step<ChatRequest> = (body, model, quirks) =>
    first.toChat(body, model, second.chatQuirks?.(quirks) ?? quirks, second.takesThinking);
  const fromChat = ({ request, paths }: ChatRequest, model: string, quirks: Quirks) => {
    try {
      return second.request(request, model, quirks);
    } catch (error) {
      throw inCallerTerms(error, paths, first.callerFields);
    }
  };
  return {
    caller: first.caller,
    provider: second.provider,
    request: (body, model, quirks) => fromChat(toChat(body, model, quirks), model, quirks),
    async requestInTurns(body, model, quirks) {
      const chat = toChat(body, model, quirks);
      await nextTurn();
      return fromChat(chat, model, quirks);
    },
    response(body, model, request = {}) {
      const completion = second.response(body, model, first.answerSettings(request));
      return first.response(completion, model, request);
    },
    stream(model, request) {
      const chatRequest = { ...first.answerSettings(request), stream_options: { include_usage: true } };
      return new ComposedPipe(second.stream(model, chatRequest), first.stream(model, request));
    },
  };
}

/**
 * Joins two pipes. The first one writes whole chat frames of one data line each, so the second one gets their data
 * without decoding them again.
 */
class ComposedPipe implements StreamPipe {
  readonly #first: TranslatedPipe;
  readonly #second: TranslatedPipe;

  constructor(first: TranslatedPipe, second: TranslatedPipe) {
    this.#first = first;
    this.#second = second;
  }

  /** The first pipe knows that the answer is whole before its end has come. */
  get finished(): boolean {
    return this.#second.finished || this.#first.finished;
  }

  get done(): boolean {
    return this.#second.done;
  }

  /** The first pipe knows the usage before the answer ends. */
  get usage(): Usage {
    return this.#first.usage;
  }

  get fault(): StreamFault | undefined {
    return this.#second.fault ?? this.#first.fault;
  }

  get answer(): ResponsesAnswer | undefined {
    return this.#second.answer ?? this.#first.answer;
  }

  get position(): StreamPosition | undefined {
    return this.#second.position;
  }

  get held(): number {
    return this.#first.held;
  }

  push(chunk: Uint8Array): string | null {
    return this.done || this.fault ? null : this.#translated(this.#first.push(chunk));
  }

  end(): string | null {
    return this.done || this.fault ? null : this.#translated(this.#first.end());
  }

  #translated(frames: string | null): string | null {
    return frames === null ? null : this.#second.take(eventsIn(frames));
  }
}

const frameStart = "data: ".length;

function eventsIn(frames: string): SseEvent[] {
  const events: SseEvent[] = [];
  let from = 0;
  for (let end = frames.indexOf("\n\n"); end !== -1; end = frames.indexOf("\n\n", from)) {
    events.push({ event: "message", data: frames.slice(from + frameStart, end) });
    from = end + 2;
  }
  return events;
}

/** Rewrites a refusal of the second translation: it names the caller's field instead of the chat request's. */
function inCallerTerms(
  error: unknown,
  paths: readonly string[],
  callerFields: ToChat["callerFields"],
): unknown {
  const fault = error instanceof AppError ? error.details?.[0] : undefined;
  if (!fault) return error;
  const [, name = "", index = ""] = fault.path.split("/");
  const isMessage = name === "messages";
  const path = (isMessage && index !== "" ? paths[Number(index)] : undefined) ?? callerFields[name];
  if (path === undefined) return error;
  // A message that names the field begins with its name.
  const chatName = isMessage ? /^messages(?:\[\d+\]\S*)?(?= )/ : new RegExp(`^${name}(?:\\.\\S+)?(?= )`);
  return refused(path, fault.message.replace(chatName, fieldName(path)));
}
