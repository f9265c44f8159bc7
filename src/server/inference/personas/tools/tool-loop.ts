import { randomUUID } from "node:crypto";
import { answerShapes } from "../../../../adapters/shapes/index.ts";
import { maxParsedBytes, parseAnswerInTurns } from "../../../../adapters/shapes/parse-answer.ts";
import { AppError } from "../../../../errors.ts";
import { dialects } from "../../../../wire/dialects/index.ts";
import type { Dialect } from "../../../../wire/dialects/types.ts";
import { isObject } from "../../../../wire/json.ts";
import { largeText } from "../../../../wire/next-turn.ts";
import { SseParser } from "../../../../wire/sse.ts";
import type { Deadlines } from "../../../core/deadlines.ts";
import type { GrowingMemory } from "../../../core/growing-memory.ts";
import { inParts } from "../../../core/in-parts.ts";
import { changedRequest, extendedRequest, type ParsedRequest } from "../../request.ts";
import { chatMessages } from "./dialects/chat-answer.ts";
import { toolDialects } from "./dialects/index.ts";
import type { AnswerContext, AnswerStream, ToolDialect } from "./dialects/tool-dialect.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { ModelTools } from "./model-tools.ts";
import type { OpenTools } from "./offered-tools.ts";
import type { ResultBudget } from "./result-budget.ts";
import { type ProjectCall, projectCalls, type Round, type RoundCall } from "./round.ts";
import { runTools } from "./run-tools.ts";

/** The most rounds in which tools are called. Then the model has to answer without. */
const mostRounds = 12;

export interface ToolLoopOptions {
  dialect: Dialect;
  requestId: string;
  /** The request of the first round. */
  request: ParsedRequest;
  /** The body of the caller's request. */
  body: Record<string, unknown>;
  open: OpenTools;
  tools: ModelTools;
  budget: ResultBudget;
  deadlines: Deadlines;
  /** The memory of the answers of all rounds. */
  memory: Pick<GrowingMemory, "need" | "release">;
  /** Aborts when the caller leaves. */
  gone: AbortController;
  /** Calls the model again. Throws AppError. */
  infer(request: ParsedRequest): Promise<Response>;
  /** Watches the bearer and calls `end` when it is no longer valid. Returns a function that stops watching. */
  guard(end: (error: AppError) => void): () => void;
  /** The id of the answer, in a dialect in which later requests can name it; undefined to keep the provider's. */
  answerId: string | undefined;
  /** Called with the whole answer, and the ids of the calls that the caller has to make, before the last bytes are sent. */
  onComplete(answer: Record<string, unknown>, ownCalls: readonly string[]): void;
  /** Called before the last bytes of a streamed answer are sent. */
  onLastBytes(): void;
  /** Called before each round of tools with their names. */
  onTools?(names: readonly string[]): void;
  /** Returns any error as the caller may see it. */
  publicError(error: unknown): AppError;
}

/**
 * Answers a call of a persona that has tools: calls the model, makes the calls that it asks for, and calls it again with
 * their results, until it asks for none, or for a tool of the caller. All rounds are one answer for the caller.
 */
export class ToolLoop {
  /** The request of the next round. */
  request: ParsedRequest;
  readonly #options: ToolLoopOptions;
  readonly #dialect: ToolDialect;
  readonly #context: AnswerContext;
  readonly #rounds: Round[] = [];
  readonly #ids = new Set<string>();
  /** Bytes of the answers of all rounds. */
  #bytes = 0;

  constructor(options: ToolLoopOptions) {
    this.#options = options;
    this.#dialect = toolDialects[options.dialect];
    this.request = options.request;
    const { body, tools, answerId } = options;
    this.#context = { body, tools, isJson: this.#dialect.wantsJson(options.request.body), answerId };
  }

  /** The messages of the answer in the chat dialect: calls, results and texts of all rounds. */
  get messages(): Record<string, unknown>[] {
    return this.#rounds.flatMap((round) => chatMessages(round));
  }

  /**
   * Returns the answer for the caller.
   *
   * @param first the answer of the first round
   * @throws AppError unless the answer is streamed; a streamed one ends with an error frame then
   */
  async run(first: Response): Promise<Response> {
    const { deadlines, gone, memory } = this.#options;
    const headers = new Headers(first.headers);
    headers.delete("content-length");
    if (first.headers.get("content-type") !== "text/event-stream")
      return new Response(await this.#wholeBody(first), { headers });
    const writer = new FrameWriter(deadlines, () => gone.abort());
    void this.#stream(first, writer).finally(() => memory.release());
    return new Response(writer.body, { headers });
  }

  /** Returns the whole answer. A large one holds memory until its caller has it. */
  async #wholeBody(first: Response): Promise<string | ReadableStream<Uint8Array>> {
    const { memory } = this.#options;
    try {
      const text = JSON.stringify(await this.#whole(first));
      if (text.length > largeText) return inParts(text, () => memory.release());
      memory.release();
      return text;
    } catch (error) {
      memory.release();
      throw error;
    }
  }

  async #whole(first: Response): Promise<Record<string, unknown>> {
    let response = first;
    for (;;) {
      const text = await response.text();
      this.#holdMore(text.length);
      const answer = await parseAnswerInTurns(text, false);
      const { round, calls } = this.#begin(answer);
      if (calls.length > 0) await this.#run(calls, () => {});
      if (round.isLast) break;
      response = await this.#next(round);
    }
    return this.#complete();
  }

  async #stream(first: Response, writer: FrameWriter): Promise<void> {
    const { dialect, requestId, onLastBytes, publicError } = this.#options;
    const stream = this.#dialect.stream(this.#context);
    try {
      for (let response = first; ; ) {
        const answer = await this.#forward(response, stream, writer);
        if (stream.hasFailed) {
          onLastBytes();
          break;
        }
        const { round, calls } = this.#begin(answer);
        for (const call of calls) await writer.write(stream.called(call));
        if (calls.length > 0) await this.#run(calls, (call) => void writer.write(stream.returned(call)));
        if (round.isLast) {
          this.#complete();
          onLastBytes();
          await writer.write(stream.end(this.#rounds));
          break;
        }
        stream.nextRound();
        response = await this.#next(round);
      }
    } catch (thrown) {
      // The stream itself broke off, and its caller sees that.
      if (thrown === undefined) return writer.abort();
      onLastBytes();
      const error = publicError(thrown);
      await writer.write(dialects[dialect].errorFrames(error, requestId, stream.position));
    }
    writer.close();
  }

  /** Passes the stream of a round on. Returns the answer that it says. */
  async #forward({ body }: Response, stream: AnswerStream, writer: FrameWriter): Promise<unknown> {
    const { gone, dialect } = this.#options;
    const parser = new SseParser();
    const answer = answerShapes[dialect].collect();
    const reader = body!.getReader();
    const onGone = () => void reader.cancel().catch(() => {});
    gone.signal.addEventListener("abort", onGone, { once: true });
    try {
      if (gone.signal.aborted) onGone();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        try {
          this.#holdMore(read.value.length);
        } catch (error) {
          onGone();
          throw error;
        }
        const some = parser.push(read.value);
        for (const event of some) answer.add(event);
        await writer.write(some.map((event) => stream.event(event)).join(""));
      }
    } finally {
      gone.signal.removeEventListener("abort", onGone);
    }
    this.#checkPresent();
    return answer.whole();
  }

  /** Counts bytes of answers. All of them are kept to the end. Throws AppError if there are too many. */
  #holdMore(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > maxParsedBytes)
      throw new AppError("provider_error", `an answer with tools exceeds ${maxParsedBytes} bytes`);
    this.#options.memory.need(this.#bytes);
  }

  /**
   * Reads an answer.
   *
   * @returns the round, and the calls to make: none of an answer that was cut off, because they may not be whole
   * @throws AppError if the model calls tools although it may not any more
   */
  #begin(answer: unknown): { round: Round; calls: ProjectCall[] } {
    const found = isObject(answer) ? answer : {};
    const calls = this.#dialect.callsIn(found).map((call): RoundCall => {
      const tool = this.#context.tools.toolOf(call.name);
      if (!tool) return call;
      // Some servers of models number the calls of each answer from 0.
      const id =
        call.id === "" || this.#ids.has(call.id) ? `call_${randomUUID().replaceAll("-", "")}` : call.id;
      this.#ids.add(id);
      return { ...call, id, tool };
    });
    const number = this.#rounds.length;
    const made = this.#dialect.isCut(found) ? [] : projectCalls({ calls });
    if (made.length > 0 && number >= mostRounds)
      throw new AppError("provider_error", `the model called tools in more than ${mostRounds} rounds`);
    const isLast = made.length === 0 || calls.some(({ tool }) => tool === undefined);
    const round = { number, answer: found, calls, isLast };
    this.#rounds.push(round);
    return { round, calls: made };
  }

  /** Makes the calls of a round. Throws AppError if the caller leaves or its bearer ends. */
  async #run(calls: readonly ProjectCall[], onResult: (call: ProjectCall) => void): Promise<void> {
    const { open, budget, gone, guard } = this.#options;
    let ended: AppError | undefined;
    const end = new AbortController();
    const onGone = () => end.abort();
    gone.signal.addEventListener("abort", onGone, { once: true });
    const stopGuard = guard((error) => {
      ended = error;
      end.abort();
    });
    try {
      this.#options.onTools?.(calls.map(({ tool }) => tool.name));
      if (gone.signal.aborted) end.abort();
      await runTools(calls, open, budget, onResult, end.signal);
    } finally {
      stopGuard();
      gone.signal.removeEventListener("abort", onGone);
    }
    if (ended) throw ended;
    this.#checkPresent();
  }

  async #next(round: Round): Promise<Response> {
    const { body } = this.request;
    const { field, elements, isWhole } = this.#dialect.next(body, round);
    const changes = {
      ...(round.number === 0 && this.#dialect.freed(body)),
      ...(round.number + 1 >= mostRounds && this.#dialect.withoutCalls),
    };
    this.request = isWhole
      ? changedRequest(this.request, { ...changes, [field]: elements })
      : await extendedRequest(this.request, field, elements, changes);
    return this.#options.infer(this.request);
  }

  #checkPresent(): void {
    if (this.#options.gone.signal.aborted)
      throw new AppError("client_closed_request", "the caller went away");
  }

  #complete(): Record<string, unknown> {
    const answer = this.#dialect.whole(this.#rounds, this.#context);
    const own = this.#rounds.at(-1)!.calls.flatMap(({ id, tool }) => (tool ? [] : [id]));
    this.#options.onComplete(answer, own);
    return answer;
  }
}
