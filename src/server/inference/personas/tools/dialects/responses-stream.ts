import type { StreamPosition } from "../../../../../wire/dialects/types.ts";
import { isObject, parsedObject } from "../../../../../wire/json.ts";
import { type SseEvent, typedFrame } from "../../../../../wire/sse.ts";
import { type ProjectCall, type Round, usageOfAll } from "../round.ts";
import { asCallersAnswer, callItem, callTypes } from "./responses-items.ts";
import { type AnswerContext, type AnswerStream, type JsonFields, textIn } from "./tool-dialect.ts";

export function responsesStream(context: AnswerContext): AnswerStream {
  return new ResponsesStream(context);
}

/** Items get the places of one answer, and events the numbers of one stream. */
class ResponsesStream implements AnswerStream {
  hasFailed = false;
  readonly #context: AnswerContext;
  #isFirst = true;
  #sequence = 0;
  /** The items of the answer so far. */
  readonly #output: JsonFields[] = [];
  readonly #ids = new Set<string>();
  /** The places of this round's items: at the model, and for the caller; `hidden` and `held` have none yet. */
  #places = new Map<unknown, number | "hidden" | "held">();
  /** The ids that this round's items have for the caller, where another round has used theirs. */
  #renamed = new Map<string, string>();
  /** Events of messages that the caller gets only if this is the last round. */
  #held: JsonFields[] = [];
  /** The places of calls, by their ids. */
  readonly #calls = new Map<string, number>();
  #end: JsonFields = {};
  /** The id that the provider gives its answer. */
  #answerId = "resp_0";

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  get position(): StreamPosition {
    return { responseId: this.#context.answerId ?? this.#answerId, sequence: this.#sequence };
  }

  event({ data }: SseEvent): string {
    const event = parsedObject(data) as JsonFields | undefined;
    if (!event) return "";
    const type = textIn(event["type"]);
    if (type === "error" || type === "response.failed") this.hasFailed = true;
    if (type === "response.completed" || type === "response.incomplete") {
      this.#end = event;
      return "";
    }
    const { response } = event;
    if (isObject(response)) {
      this.#answerId = textIn(response["id"]) || this.#answerId;
      if (!this.#isFirst && !this.hasFailed) return "";
      const own = asCallersAnswer(response, this.#context);
      return this.#frame({ ...event, response: this.hasFailed ? { ...own, output: this.#output } : own });
    }
    return "output_index" in event ? this.#item(event) : this.#frame(event);
  }

  called(call: ProjectCall): string {
    const output_index = this.#output.length;
    const item = callItem(call, this.#context);
    this.#output.push(item);
    this.#calls.set(call.id, output_index);
    const place = { item_id: item["id"], output_index };
    return [
      { type: "response.output_item.added", output_index, item },
      { type: "response.mcp_call.in_progress", ...place },
      { type: "response.mcp_call_arguments.delta", ...place, delta: call.text },
      { type: "response.mcp_call_arguments.done", ...place, arguments: call.text },
    ]
      .map((event) => this.#frame(event))
      .join("");
  }

  returned(call: ProjectCall): string {
    const output_index = this.#calls.get(call.id)!;
    const item = callItem(call, this.#context);
    this.#output[output_index] = item;
    const type = call.result?.isError ? "response.mcp_call.failed" : "response.mcp_call.completed";
    return (
      this.#frame({ type, item_id: item["id"], output_index }) +
      this.#frame({ type: "response.output_item.done", output_index, item })
    );
  }

  nextRound(): void {
    this.#isFirst = false;
    this.#places = new Map();
    this.#renamed = new Map();
    this.#held = [];
  }

  end(rounds: readonly Round[]): string {
    const held = this.#held;
    this.#held = [];
    for (const { output_index: at } of held) this.#places.delete(at);
    const frames = held.map((event) => this.#placed(event));
    const usage = usageOfAll(rounds);
    const { response } = this.#end;
    const answer = {
      ...asCallersAnswer(isObject(response) ? response : {}, this.#context),
      output: this.#output,
      ...(usage !== undefined && { usage }),
    };
    return frames.join("") + this.#frame({ ...this.#end, response: answer });
  }

  #item(event: JsonFields): string {
    const { output_index: at, item, type } = event;
    if (type === "response.output_item.added" && isObject(item)) {
      const isCall =
        callTypes.has(item["type"]) && this.#context.tools.toolOf(textIn(item["name"])) !== undefined;
      if (isCall) this.#places.set(at, "hidden");
      else if (this.#context.isJson && item["type"] === "message") this.#places.set(at, "held");
    }
    const place = this.#places.get(at);
    if (place === "held") this.#held.push(event);
    return typeof place === "string" ? "" : this.#placed(event);
  }

  /** Returns an event of an item with its place for the caller. */
  #placed(event: JsonFields): string {
    const { output_index: at, item, item_id: id } = event;
    let place = this.#places.get(at);
    if (typeof place !== "number") {
      place = this.#output.length;
      this.#places.set(at, place);
      this.#output.push({});
    }
    const changed: JsonFields = { ...event, output_index: place };
    if (isObject(item)) {
      changed["item"] = this.#output[place] = this.#named(
        item,
        event["type"] === "response.output_item.added",
      );
    }
    if (typeof id === "string") changed["item_id"] = this.#renamed.get(id) ?? id;
    return this.#frame(changed);
  }

  /** Returns an item with an id that no other item of the answer has: SDKs refuse a second one. */
  #named(item: JsonFields, isNew: boolean): JsonFields {
    const { id } = item;
    if (typeof id !== "string") return item;
    if (isNew && this.#ids.has(id)) this.#renamed.set(id, `${id}_${this.#output.length}`);
    this.#ids.add(id);
    return { ...item, id: this.#renamed.get(id) ?? id };
  }

  #frame({ type, ...event }: JsonFields): string {
    return typedFrame(textIn(type), { ...event, sequence_number: this.#sequence++ });
  }
}
