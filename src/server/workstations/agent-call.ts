import { HttpFailure, type OutboundTimeouts } from "../../net/outbound.ts";
import { type ProviderResponse, PushedResponse } from "../../net/pushed-response.ts";
import { offerMs, silenceMs } from "../../wire/link/constants.ts";
import type { QuestionAnswer } from "../../wire/link/mcp-calls.ts";
import type { EncodedRequest } from "../../wire/link/revisions/revision.ts";
import type { WholeHead } from "../../wire/link/tasks.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import { type AgentResult, eventText } from "./agent-result.ts";
import { CreditedResponse } from "./credited-response.ts";
import type { LinkSession } from "./link-session.ts";
import { RequestParts } from "./request-parts.ts";
import { type CallWork, noAgent, subjectOf, taskFailure } from "./task-failure.ts";

/** `lost`: the agent has gone, or another agent has taken its place. */
export type AgentCallState = "offered" | "accepted" | "streaming" | "done" | "failed" | "cancelled" | "lost";

export interface AgentCallOptions {
  id: string;
  work: CallWork;
  /** The body for the provider, as JSON. */
  text: string;
  timeouts: OutboundTimeouts;
  link: LinkSession;
  deadlines: Deadlines;
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  /** Called once, when nothing of the call is taken any more. */
  onOver(call: AgentCall): void;
}

/**
 * One call of an llm or MCP server on its way through an agent: offered, accepted by compare-and-set, then a whole response or a
 * stream. A message that does not fit the state of the call is dropped.
 */
export class AgentCall {
  /** A call that is tried again is another task. */
  readonly attempt = 1;
  readonly id: string;
  readonly work: CallWork;
  /** The number of its binary frames on a WebSocket; undefined if the response is posted. */
  readonly channel: number | undefined;
  state: AgentCallState = "offered";
  link: LinkSession;
  /** The last batch taken. */
  lastSeq = 0;
  readonly #options: AgentCallOptions;
  readonly #response = Promise.withResolvers<ProviderResponse>();
  readonly #stream: CreditedResponse;
  #request: EncodedRequest | undefined;
  /** The request on its way, if it goes in parts. */
  #parts: RequestParts | undefined;
  #acceptedEpoch: number | undefined;
  #deadline: Deadline | undefined;

  constructor(options: AgentCallOptions) {
    const { id, work, link, deadlines, elapsed } = options;
    this.#options = options;
    this.id = id;
    this.work = work;
    this.link = link;
    this.channel = link.openChannel(this);
    this.#stream = new CreditedResponse({
      task: this,
      isPosted: this.channel === undefined,
      deadlines,
      elapsed,
      onCancel: () => this.cancel(),
      onResume: () => this.#deadline?.extend(options.timeouts.silence),
    });
  }

  get isOver(): boolean {
    return this.state !== "offered" && this.state !== "accepted" && this.state !== "streaming";
  }

  /**
   * The response, once its head is known. Rejects with HttpFailure, or with AppError `unavailable` if the agent does
   * not take the call.
   */
  get response(): Promise<ProviderResponse> {
    return this.#response.promise;
  }

  /** Bytes that the agent may still send. */
  get credit(): number {
    return this.isOver ? 0 : this.#stream.credit;
  }

  /** Sends the call to the agent, and again if the agent comes back by another link. */
  offer(): void {
    const { text, deadlines } = this.#options;
    const { id, attempt, work, channel, link } = this;
    const request = link.revision.encodeRequest(text);
    const isLong = "withAcceptance" in request;
    this.#request = request;
    if (isLong && channel !== undefined && link.sendsParts) {
      this.#parts = new RequestParts(channel, text, () => this.#requestGoesOn());
      this.#request = undefined;
    }
    this.#deadline ??= deadlines.after(offerMs, () => this.#giveUp(noAgent(subjectOf(work))));
    link.send(
      {
        event: "task",
        ...work,
        taskId: id,
        attempt,
        ...(channel !== undefined && { channel }),
        ...(this.#parts && { requestBytes: this.#parts.length }),
      },
      isLong ? undefined : request.withTask,
    );
    if (this.#parts) link.startRequest(this.#parts);
    if (!link.revision.acceptsTasks) this.accept(attempt, undefined);
  }

  /**
   * Grants the call to its agent, and again to the same agent, which may have missed the answer.
   *
   * @param epoch the agent's epoch, if the agent knows one
   * @returns false if the call is no longer on offer; else the request, if the task did not hold it
   */
  accept(attempt: number, epoch: number | undefined): { request?: string } | false {
    if (attempt !== this.attempt) return false;
    if (this.state === "offered") {
      this.state = "accepted";
      this.#acceptedEpoch = epoch;
      this.#deadline?.cancel();
      this.#deadline = this.#options.deadlines.after(this.#requestLimit(), () => this.#timedOut());
    } else if (this.state !== "accepted" || epoch !== this.#acceptedEpoch) return false;
    const request = this.#request;
    return request && "withAcceptance" in request ? { request: request.withAcceptance } : {};
  }

  /** Begins a whole response whose bytes follow. */
  head({ status, contentType = "application/json", retryAfter }: WholeHead): void {
    if (this.state !== "accepted") return;
    const headers = {
      "content-type": contentType,
      ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    };
    this.state = "streaming";
    this.#deadline?.extend(this.#options.timeouts.silence);
    this.#response.resolve(this.#stream.beginWhole(status, headers));
  }

  /**
   * Takes bytes of a response as they are.
   *
   * @returns false if the agent had no credit for them
   */
  take(bytes: Buffer): boolean {
    if (this.state !== "streaming" && this.state !== "accepted") return true;
    if (!this.#stream.takesMore) {
      this.#end("failed", new HttpFailure("too-large", "it came faster than it was read"));
      return false;
    }
    if (this.state === "accepted") this.#begin();
    this.#deadline?.extend(this.#options.timeouts.silence);
    this.#stream.push(bytes);
    return true;
  }

  /** Ends a stream that is whole. */
  done(): void {
    if (this.state !== "streaming" && this.state !== "accepted") return;
    if (this.state === "accepted") this.#begin();
    this.#end("done");
    this.#stream.response?.end();
  }

  /**
   * Takes a result.
   *
   * @returns false if the agent had no credit for it
   */
  result(result: AgentResult): boolean {
    // An agent that cannot get a response need not accept the call first.
    if (result.is === "error") this.fail(taskFailure(subjectOf(this.work), result.error));
    else if (this.state === "offered" || this.isOver) return true;
    else if (result.is === "whole") this.#whole(result);
    else if (result.is === "chunk") return this.#frames(result);
    // A batch behind a gap comes again, after the batches before it.
    else if (result.seq === this.lastSeq + 1) {
      this.lastSeq = result.seq;
      if (result.whole) this.head(result.whole);
      return this.#frames(result);
    }
    return true;
  }

  /** Passes the answer of a client on to the MCP server that has asked for it. */
  answer(answer: QuestionAnswer): void {
    if (!this.isOver) this.link.send({ event: "answer", taskId: this.id, answer });
  }

  /** Returns when the answer to a POST may be sent, as `CreditedResponse.readable` does. */
  readable(limit: number): Promise<void> {
    return this.#stream.readable(limit);
  }

  /** Fails the call, or its stream if the response has begun. */
  fail(failure: Error): void {
    this.#end("failed", failure);
  }

  /** Ends the call because its agent has gone. */
  lose(): void {
    const wasOffered = this.state === "offered";
    const gone = new HttpFailure("closed", "the agent went away");
    this.#end("lost", wasOffered ? noAgent(subjectOf(this.work)) : gone);
  }

  /** Ends the call because its caller has gone. */
  cancel(): void {
    this.#giveUp(new HttpFailure("cancelled", "the call was cancelled"));
  }

  #whole({ status, body, contentType, retryAfter }: Extract<AgentResult, { is: "whole" }>): void {
    // A response that has begun to stream cannot begin anew.
    if (this.#stream.response)
      return this.fail(new HttpFailure("malformed", "a whole answer came within a stream"));
    const headers = {
      "content-type": contentType,
      ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    };
    const response = new PushedResponse(status, headers, { onCancel() {} });
    this.#end("done");
    response.push(body);
    response.end();
    this.#response.resolve(response);
  }

  #frames({ frames, done }: { frames: readonly string[]; done: boolean }): boolean {
    const { work } = this;
    const isText = this.#stream.isWhole || work.kind === "mcp";
    const text = isText ? frames.join("") : frames.map((frame) => eventText(work.operation, frame)).join("");
    // An empty batch only asks for credit.
    if (text !== "" && !this.take(Buffer.from(text))) return false;
    if (done) this.done();
    return true;
  }

  #begin(): void {
    this.state = "streaming";
    this.#response.resolve(this.#stream.begin());
  }

  /** Returns the milliseconds in which the next part of the request must go, or the response must begin. */
  #requestLimit(): number {
    const { firstByte } = this.#options.timeouts;
    if (this.#parts) return this.#parts.isSent ? firstByte : silenceMs;
    const request = this.#request;
    // A slow line has one more millisecond for each 32 bytes of a request that goes in one piece: 256 kbit/s.
    const bytes = request && "withAcceptance" in request ? request.withAcceptance.length : 0;
    return firstByte + bytes / 32;
  }

  #requestGoesOn(): void {
    if (this.state === "accepted") this.#deadline?.extend(this.#requestLimit());
  }

  #timedOut(): void {
    // An agent that waits for the reader is not silent.
    if (this.#stream.isHeld) {
      const { deadlines, timeouts } = this.#options;
      this.#deadline = deadlines.after(timeouts.silence, () => this.#timedOut());
      return;
    }
    if (this.#parts && !this.#parts.isSent)
      return this.#giveUp(new HttpFailure("timeout", "the line to the agent stands still"));
    const missing = this.#stream.response ? "no more of the answer" : "no answer";
    this.#giveUp(new HttpFailure("timeout", `${missing} came from the agent in time`));
  }

  /** Ends the call from this side, and tells the agent. */
  #giveUp(failure: Error): void {
    if (this.isOver) return;
    this.link.send({ event: "cancel", taskId: this.id });
    this.#end("cancelled", failure);
  }

  #end(state: AgentCallState, failure?: Error): void {
    if (this.isOver) return;
    this.state = state;
    this.#deadline?.cancel();
    if (this.#parts) this.link.stopRequest(this.#parts);
    this.#parts = undefined;
    this.#options.onOver(this);
    if (!failure) return;
    this.#response.reject(failure);
    this.#stream.response?.fail(failure);
  }
}
