import {
  type ChatChoice,
  type ChatCompletion,
  type ChatUsage,
  chatUsage,
  chunkUsage,
  doneData,
  mergeChatUsage,
} from "../../../wire/dialects/chat.ts";
import type { StreamPosition } from "../../../wire/dialects/types.ts";
import { noUsage, type Usage } from "../../../wire/dialects/usage.ts";
import { type SseEvent, typedFrame } from "../../../wire/sse.ts";
import { brokenOff, endsWithUsage, finishReasonOf } from "../../finish-reason.ts";
import { isChatError, reportedFault } from "../../provider-fault.ts";
import type { ResponsesAnswer } from "../../types.ts";
import { AnswerPieces } from "../answer-pieces.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { garbage, payloadOf, TranslatedPipe } from "../translated-pipe.ts";
import { echoOf, endingOf, idsOf, responsesUsageOf, tierOf } from "./answer.ts";
import { OutputItems } from "./output.ts";
import { callersTools } from "./tool-namespaces.ts";

/** Translates chat chunks to the events of a responses stream. */
export class ResponsesFromChat extends TranslatedPipe {
  readonly #request: Fields;
  readonly #model: string;
  readonly #seconds: () => number;
  readonly #newId: NewId;
  /** The fields that repeat the request, as JSON without its opening brace: made once, sent three times. */
  readonly #echo: string;
  #ids: ReturnType<typeof idsOf> | undefined;
  readonly #pieces = new AnswerPieces();
  #items: OutputItems | undefined;
  #createdAt = 0;
  #sequence = 0;
  #frames = "";
  #usage: ChatUsage | undefined;
  #tier: string | undefined;
  #finishReason: string | undefined;

  /**
   * @param model The name by which the caller called the model.
   * @param request The caller's request.
   * @param seconds Returns seconds since 1970.
   */
  constructor(model: string, request: Fields, seconds: () => number, newId: NewId = randomId) {
    super();
    this.#model = model;
    this.#newId = newId;
    this.#request = request;
    this.#seconds = seconds;
    this.#echo = JSON.stringify(echoOf(request, model)).slice(1);
  }

  get usage(): Usage {
    return chatUsage(this.#usage) ?? noUsage;
  }

  /** Undefined before the first event. */
  override get position(): StreamPosition | undefined {
    return this.#ids && { responseId: this.#ids.response, sequence: this.#sequence };
  }

  override get answer(): ResponsesAnswer | undefined {
    return this.done && this.#ids && this.#items
      ? { id: this.#ids.response, output: this.#items.output }
      : undefined;
  }

  protected override convert(event: SseEvent): string {
    if (event.data.trim() === doneData) return this.#end();
    const chunk = payloadOf(event) as ChatCompletion & { object?: string };
    if (isChatError(chunk)) {
      this.fault = reportedFault(chunk);
      return "";
    }
    const items = this.#items ?? this.#start();
    const counts = chunkUsage(chunk);
    if (counts) this.#usage = mergeChatUsage(this.#usage, counts);
    if (chunk.service_tier) this.#tier = chunk.service_tier;
    const choice = this.#pieces.choiceIn(chunk);
    if (choice) this.#choice(items, choice);
    if (endsWithUsage(chunk)) this.finished = true;
    return this.#flush();
  }

  protected override close(): string {
    this.done = true;
    const { status, incomplete_details } = endingOf(this.#finishReason);
    // Nothing is open, unless the provider continued after its finish reason.
    this.#items?.end(status);
    const usage = responsesUsageOf(this.#usage);
    const output = this.#items?.output ?? [];
    const completed_at = status === "completed" ? this.#seconds() : null;
    this.#lifecycle(status, { status, completed_at, error: null, incomplete_details, output, usage });
    return this.#flush();
  }

  #end(): string {
    // Some gateways drop an error in the middle of a stream and send [DONE] all the same.
    if (!this.finished) throw garbage("ended its stream without a finish reason");
    return this.close();
  }

  #start(): OutputItems {
    this.#ids = idsOf(this.#newId);
    this.#createdAt = this.#seconds();
    this.#items = new OutputItems(this.#ids, callersTools(this.#request), this.#model, (type, fields) =>
      this.#emit(type, fields),
    );
    const running = { completed_at: null, error: null, incomplete_details: null, output: [], usage: null };
    for (const name of ["created", "in_progress"])
      this.#lifecycle(name, { status: "in_progress", ...running });
    return this.#items;
  }

  #choice(items: OutputItems, choice: ChatChoice): void {
    const { finish_reason } = choice;
    items.add(this.#pieces.of(choice));
    if (!finish_reason || this.finished) return;
    const reason = finishReasonOf(finish_reason);
    if (reason === undefined) {
      this.fault = brokenOff(choice);
      return;
    }
    this.finished = true;
    this.#finishReason = reason;
    items.end(endingOf(reason).status);
  }

  #emit(type: string, fields: object): void {
    this.#frames += typedFrame(type, { sequence_number: this.#sequence++, ...fields });
  }

  #lifecycle(name: string, state: object): void {
    const type = `response.${name}`;
    const head = { id: this.#ids?.response, object: "response", created_at: this.#createdAt };
    const service_tier = tierOf(this.#tier, this.#request);
    const response = `${JSON.stringify({ ...head, ...state, service_tier }).slice(0, -1)},${this.#echo}`;
    const event = `{"type":"${type}","sequence_number":${this.#sequence++},"response":${response}}`;
    this.#frames += `event: ${type}\ndata: ${event}\n\n`;
  }

  #flush(): string {
    const frames = this.#frames;
    this.#frames = "";
    return frames;
  }
}
