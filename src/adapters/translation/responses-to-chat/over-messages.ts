import { AppError } from "../../../errors.ts";
import type { StreamPosition } from "../../../wire/dialects/types.ts";
import type { Usage } from "../../../wire/dialects/usage.ts";
import { parsedObject } from "../../../wire/json.ts";
import type { StreamFault, StreamPipe, Translation } from "../../types.ts";
import { chatToMessages } from "../chat-to-messages/index.ts";
import { refused } from "../request-fields.ts";
import { garbage } from "../translated-pipe.ts";
import { ResponseEvents } from "./events.ts";
import { answerSettings, chatRequest } from "./request.ts";
import { responseOf } from "./response.ts";

/** Callers that speak responses, at a provider that speaks messages: by way of chat. `now` is in milliseconds. */
export function responsesToMessages(now: () => number): Translation {
  const seconds = () => Math.floor(now() / 1_000);
  const overChat = chatToMessages(now);
  return {
    caller: "responses",
    provider: "messages",
    request(body, model) {
      const { request, paths } = chatRequest(body, model, true);
      try {
        return overChat.request(request, model);
      } catch (error) {
        throw inCallersWords(error, paths);
      }
    },
    response(body, model, request = {}) {
      const completion = overChat.response(body, model, answerSettings(request));
      return responseOf(completion, model, request, seconds());
    },
    stream(model, request) {
      const asked = { ...answerSettings(request), stream_options: { include_usage: true } };
      return new ResponsesFromMessages(
        overChat.stream(model, asked),
        new ResponseEvents(model, request, seconds),
      );
    },
  };
}

/**
 * Two pipes as one. What comes out of the first are whole frames of one data line each, so they are cut and
 * parsed, but never decoded again.
 */
class ResponsesFromMessages implements StreamPipe {
  readonly #chat: StreamPipe;
  readonly #events: ResponseEvents;
  #fault: StreamFault | undefined;

  constructor(chat: StreamPipe, events: ResponseEvents) {
    this.#chat = chat;
    this.#events = events;
  }

  get finished(): boolean {
    return this.#events.finished;
  }

  get done(): boolean {
    return this.#events.done;
  }

  get usage(): Usage {
    return this.#chat.usage;
  }

  get fault(): StreamFault | undefined {
    return this.#fault ?? this.#events.fault ?? this.#chat.fault;
  }

  get position(): StreamPosition | undefined {
    return this.#events.position;
  }

  push(chunk: Uint8Array): string | null {
    return this.done || this.fault ? null : this.#translated(this.#chat.push(chunk));
  }

  end(): string | null {
    return this.done || this.fault ? null : this.#translated(this.#chat.end());
  }

  #translated(chat: Uint8Array | string | null): string | null {
    let frames = "";
    try {
      for (const data of dataOf(chat as string | null)) {
        frames += this.#events.take(data, () => parsedObject(data) ?? {});
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#fault = { message: error.message };
    }
    return frames || null;
  }
}

const frameStart = "data: ".length;

function* dataOf(frames: string | null): Generator<string> {
  if (frames === null) return;
  let from = 0;
  for (let end = frames.indexOf("\n\n"); end !== -1; end = frames.indexOf("\n\n", from)) {
    yield frames.slice(from + frameStart, end);
    from = end + 2;
  }
  if (from < frames.length) throw garbage("sent a stream that could not be translated");
}

/** Names of chat requests that the caller has other names for. */
const callersNames: Readonly<Record<string, string>> = {
  verbosity: "/text/verbosity",
  response_format: "/text/format",
  reasoning_effort: "/reasoning/effort",
  max_tokens: "/max_output_tokens",
  max_completion_tokens: "/max_output_tokens",
};

/** A refusal of the second translation, with the path of what the caller sent instead of what we made of it. */
function inCallersWords(error: unknown, paths: readonly string[]): unknown {
  const fault = error instanceof AppError ? error.details?.[0] : undefined;
  if (!fault) return error;
  const [, name = "", index = ""] = fault.path.split("/");
  const isMessage = name === "messages";
  const path = isMessage ? (paths[Number(index || Number.NaN)] ?? "/input") : callersNames[name];
  if (path === undefined) return error;
  const callersName = path
    .slice(1)
    .replace(/\/(\d+)/g, "[$1]")
    .replaceAll("/", ".");
  // The message begins with the field's name where it names it at all.
  const ours = isMessage ? /^messages(?:\[\d+\]\S*)?(?= )/ : new RegExp(`^${name}(?:\\.\\S+)?(?= )`);
  return refused(path, fault.message.replace(ours, callersName));
}
