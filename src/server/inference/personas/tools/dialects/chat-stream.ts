import { doneData } from "../../../../../wire/dialects/chat.ts";
import { isObject, parsedObject } from "../../../../../wire/json.ts";
import { type SseEvent, sseFrame } from "../../../../../wire/sse.ts";
import { type ProjectCall, type Round, usageOfAll } from "../round.ts";
import { choiceIn, executedIn, executedTool, messageIn } from "./chat-answer.ts";
import { type AnswerContext, type AnswerStream, type JsonFields, objectsIn } from "./tool-dialect.ts";

/** The fields of a piece that belong to one round alone: those of the last one are the answer's. */
const heldFields: ReadonlySet<string> = new Set(["reasoning_details", "thinking_blocks", "extra_content"]);

export function chatStream(context: AnswerContext): AnswerStream {
  return new ChatStream(context);
}

/**
 * Calls are in no piece until their round has ended, because pieces of calls do not always tell which call they belong
 * to. Then those of the project are told as `executed_tools`, and those of the caller whole, as `tool_calls`.
 */
class ChatStream implements AnswerStream {
  hasFailed = false;
  readonly #context: AnswerContext;
  /** The fields of every chunk: id, model and the like. */
  #head: JsonFields | undefined;
  /** Pieces that the caller gets only if this is the last round. */
  #held: JsonFields[] = [];
  #round = 0;
  #hasText = false;
  #roundHasText = false;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  event({ data }: SseEvent): string {
    const chunk = parsedObject(data) as JsonFields | undefined;
    if (this.hasFailed || chunk?.["error"]) {
      this.hasFailed = true;
      return sseFrame({ data });
    }
    // The end comes with the last round, and so does the usage.
    if (!chunk) return "";
    const { choices, usage: _, ...head } = chunk;
    this.#head ??= head;
    const [choice] = objectsIn(choices);
    if (!choice) return "";
    const { delta, finish_reason: __, usage: ___, index: ____, ...more } = choice;
    const shown = this.#shown(isObject(delta) ? delta : {});
    const facts = Object.fromEntries(Object.entries(more).filter(([, value]) => value != null));
    const isEmpty = Object.keys(shown).length === 0 && Object.keys(facts).length === 0;
    return isEmpty ? "" : this.#chunk(shown, facts);
  }

  called(call: ProjectCall): string {
    return this.#executed(call);
  }

  returned(call: ProjectCall): string {
    return this.#executed(call);
  }

  nextRound(): void {
    this.#held = [];
    this.#round++;
    this.#hasText ||= this.#roundHasText;
    this.#roundHasText = false;
  }

  end(rounds: readonly Round[]): string {
    const { answer, calls } = rounds.at(-1)!;
    const executed = executedIn(rounds, this.#context);
    const usage = usageOfAll(rounds);
    const { stream_options: options } = this.#context.body;
    const isAsked = isObject(options) && options["include_usage"] === true;
    const own = objectsIn(messageIn(answer)["tool_calls"]).filter((_, at) => !calls[at]?.tool);
    return [
      ...this.#held.map((delta) => this.#chunk(this.#separated(delta))),
      ...own.map((call, index) => this.#chunk({ tool_calls: [{ index, ...call }] })),
      this.#chunk(
        // SDKs put the last value of an unknown field into the message.
        executed.length > 0 ? { executed_tools: executed } : {},
        { finish_reason: choiceIn(answer)["finish_reason"] ?? "stop" },
        usage !== undefined && !isAsked ? { usage } : {},
      ),
      ...(usage !== undefined && isAsked
        ? [sseFrame({ data: JSON.stringify({ ...this.#head, choices: [], usage }) })]
        : []),
      sseFrame({ data: doneData }),
    ].join("");
  }

  #executed(call: ProjectCall): string {
    return this.#chunk({ executed_tools: [executedTool(call, this.#round, this.#context)] });
  }

  /** Returns the fields of a piece that the caller gets at once. */
  #shown({ tool_calls: _, role, ...fields }: JsonFields): JsonFields {
    const shown: JsonFields = this.#round === 0 && role !== undefined ? { role } : {};
    const held: JsonFields = {};
    for (const [name, value] of Object.entries(fields)) {
      const isHeld = heldFields.has(name) || (this.#context.isJson && name === "content");
      if (value !== null && value !== undefined) (isHeld ? held : shown)[name] = value;
    }
    if (Object.keys(held).length > 0) this.#held.push(held);
    return this.#separated(shown);
  }

  /** Puts a line between the text of an earlier round and that of this one. */
  #separated(delta: JsonFields): JsonFields {
    const { content } = delta;
    if (typeof content !== "string" || content === "" || this.#roundHasText) return delta;
    this.#roundHasText = true;
    return this.#hasText && !this.#context.isJson ? { ...delta, content: `\n\n${content}` } : delta;
  }

  #chunk(delta: JsonFields, choice: JsonFields = {}, top: JsonFields = {}): string {
    const fields = { index: 0, finish_reason: null, ...choice, delta };
    return sseFrame({ data: JSON.stringify({ ...this.#head, choices: [fields], ...top }) });
  }
}
