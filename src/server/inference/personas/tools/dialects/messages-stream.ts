import { isObject, parsedObject } from "../../../../../wire/json.ts";
import { type SseEvent, sseFrame, typedFrame } from "../../../../../wire/sse.ts";
import { type ProjectCall, type Round, usageOfAll } from "../round.ts";
import { callBlock, resultBlock } from "./messages-blocks.ts";
import type { AnswerContext, AnswerStream, JsonFields } from "./tool-dialect.ts";

export function messagesStream(context: AnswerContext): AnswerStream {
  return new MessagesStream(context);
}

/** Blocks get the numbers of one answer. A block that calls a tool of the project is told when its round has ended. */
class MessagesStream implements AnswerStream {
  hasFailed = false;
  readonly #context: AnswerContext;
  #isFirst = true;
  /** The number of the next block. */
  #next = 0;
  /** The numbers of this round's blocks: at the model, and for the caller; `hidden` and `held` have none yet. */
  #numbers = new Map<unknown, number | "hidden" | "held">();
  /** Events of text that the caller gets only if this is the last round. */
  #held: JsonFields[] = [];
  /** The event with the reason of the end. */
  #delta: JsonFields = {};

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  event({ event, data }: SseEvent): string {
    const parsed = parsedObject(data) as JsonFields | undefined;
    if (this.hasFailed || parsed?.["type"] === "error") {
      this.hasFailed = true;
      return sseFrame({ event, data });
    }
    if (!parsed) return "";
    switch (parsed["type"]) {
      case "message_start":
        return this.#isFirst ? sseFrame({ event, data }) : "";
      case "message_delta":
        this.#delta = parsed;
        return "";
      case "message_stop":
        return "";
      case "content_block_start":
      case "content_block_delta":
      case "content_block_stop":
        return this.#block(parsed);
      default:
        return sseFrame({ event, data });
    }
  }

  called(call: ProjectCall): string {
    // The input is whole at the start: Claude Code takes no pieces of it for such a block.
    return this.#whole(callBlock(call, this.#context));
  }

  returned(call: ProjectCall): string {
    return this.#whole(resultBlock(call));
  }

  nextRound(): void {
    this.#isFirst = false;
    this.#numbers = new Map();
    this.#held = [];
  }

  end(rounds: readonly Round[]): string {
    const usage = usageOfAll(rounds);
    const { type: _, ...delta } = this.#delta;
    const held = this.#held;
    this.#held = [];
    for (const { index } of held) this.#numbers.delete(index);
    return (
      held.map((one) => this.#numbered(one)).join("") +
      typedFrame("message_delta", { ...delta, ...(usage !== undefined && { usage }) }) +
      typedFrame("message_stop", {})
    );
  }

  #whole(block: JsonFields): string {
    const index = this.#next++;
    return (
      typedFrame("content_block_start", { index, content_block: block }) +
      typedFrame("content_block_stop", { index })
    );
  }

  #block(event: JsonFields): string {
    const { index, type, content_block: block } = event;
    if (type === "content_block_start" && isObject(block)) {
      const isCall =
        block["type"] === "tool_use" && this.#context.tools.toolOf(String(block["name"])) !== undefined;
      if (isCall) this.#numbers.set(index, "hidden");
      else if (this.#context.isJson && block["type"] === "text") this.#numbers.set(index, "held");
    }
    const place = this.#numbers.get(index);
    if (place === "held") this.#held.push(event);
    return typeof place === "string" ? "" : this.#numbered(event);
  }

  #numbered({ type, ...event }: JsonFields): string {
    const known = this.#numbers.get(event["index"]);
    const index = typeof known === "number" ? known : this.#next++;
    this.#numbers.set(event["index"], index);
    return typedFrame(String(type), { ...event, index });
  }
}
