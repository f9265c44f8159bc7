import { HttpFailure, type OutboundTimeouts } from "../../net/outbound.ts";
import { type ProviderResponse, PushedResponse } from "../../net/pushed-response.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import { creditBytes, offerMs } from "../../wire/link/constants.ts";
import type { ServerEvent } from "../../wire/link/messages.ts";
import type { EncodedRequest } from "../../wire/link/revisions/revision.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import { type AgentResult, eventText } from "./agent-result.ts";
import type { LinkSession } from "./link-session.ts";
import { noAgent, taskFailure } from "./task-failure.ts";

/** Credit is granted again in parts of at least this many bytes. */
const grantBytes = 64 * 1024;

/** So many bytes more than it has credit for are taken from an agent that was never told of credit. */
const minimalSlack = 8 * 1024 * 1024;

/** An agent that was told in an answer that it has no credit is not told of more before that answer is there. Milliseconds. */
const tellingMs = 1000;

/** `lost`: its agent has gone, or another has taken its place. */
export type TaskState = "offered" | "accepted" | "streaming" | "done" | "failed" | "cancelled" | "lost";

export interface AgentCallOptions {
  id: string;
  llmName: string;
  operation: Operation;
  streaming: boolean;
  /** The body for the provider, as JSON. */
  text: string;
  timeouts: OutboundTimeouts;
  link: LinkSession;
  deadlines: Deadlines;
  /** Milliseconds, from a clock that nobody sets. */
  elapsed(): number;
  /** Is told once, when nothing of it is taken any more. */
  over(task: AgentCall): void;
}

/**
 * One call on its way through an agent: offered, accepted by compare-and-set, then a whole answer or a stream. Whatever
 * comes for it in a state in which it should not is not taken.
 */
export class AgentCall {
  /** A call that is tried again is another task. */
  readonly attempt = 1;
  readonly id: string;
  readonly llmName: string;
  readonly channel: number | undefined;
  state: TaskState = "offered";
  link: LinkSession;
  /** The last batch taken. */
  lastSeq = 0;
  readonly #options: AgentCallOptions;
  readonly #answered = Promise.withResolvers<ProviderResponse>();
  #request: EncodedRequest | undefined;
  #acceptedEpoch: number | undefined;
  #answer: PushedResponse | undefined;
  #deadline: Deadline | undefined;
  /** What the agent may still send. */
  #credit = creditBytes;
  /** Bytes that it has sent, and has not been granted again. */
  #spent = 0;
  /** Since when the agent waits to be told of more credit. */
  #starvedAt: number | undefined;

  constructor(options: AgentCallOptions) {
    this.#options = options;
    this.id = options.id;
    this.llmName = options.llmName;
    this.link = options.link;
    this.channel = options.link.nextChannel();
  }

  get isOver(): boolean {
    return this.state !== "offered" && this.state !== "accepted" && this.state !== "streaming";
  }

  /** Its answer comes by calls, which outlive the stream down. */
  get isPosted(): boolean {
    return this.channel === undefined;
  }

  /** The head of the answer. Throws HttpFailure, or AppError `unavailable` when the agent does not take it. */
  get answered(): Promise<ProviderResponse> {
    return this.#answered.promise;
  }

  /** What the agent may still send, in bytes, as it is told with what it posts. */
  get credit(): number {
    return this.isOver ? 0 : Math.max(0, this.#credit);
  }

  /** Sends it to the agent; again when the agent goes on by another link. */
  offer(): void {
    const { operation, streaming, text, deadlines } = this.#options;
    const { id, attempt, llmName, channel, link } = this;
    const task = { kind: "infer", taskId: id, attempt, llmName, operation, streaming } as const;
    const encoded = link.revision.encodeRequest(text);
    this.#request = encoded;
    this.#deadline ??= deadlines.after(offerMs, () => this.#giveUp(noAgent(llmName)));
    link.send(
      { event: "task", ...task, ...(channel !== undefined && { channel }) },
      "withTask" in encoded ? encoded.withTask : undefined,
    );
    if (!link.revision.acceptsTasks) this.accept(attempt, undefined);
  }

  /**
   * The agent takes it. Asked again by the same one, which may have missed the answer, it is granted again.
   *
   * @param epoch of the agent, where it has one
   * @returns false when it is no longer on offer; else the request, where the task did not hold it
   */
  accept(attempt: number, epoch: number | undefined): { request?: string } | false {
    const { timeouts, deadlines } = this.#options;
    if (attempt !== this.attempt) return false;
    if (this.state === "offered") {
      this.state = "accepted";
      this.#acceptedEpoch = epoch;
      this.#deadline?.cancel();
      this.#deadline = deadlines.after(timeouts.firstByte, () => this.#late());
    } else if (this.state !== "accepted" || epoch !== this.#acceptedEpoch) return false;
    const request = this.#request;
    return request && "withAcceptance" in request ? { request: request.withAcceptance } : {};
  }

  /**
   * Takes bytes of a streamed answer as they are.
   *
   * @returns false when they are more than the agent had credit for. One part may be
   */
  take(bytes: Buffer): boolean {
    if (this.state !== "streaming" && this.state !== "accepted") return true;
    if (this.#credit <= (this.link.revision.countsCredit ? 0 : -minimalSlack)) {
      this.#end("failed", new HttpFailure("too-large", "it came faster than it was read"));
      return false;
    }
    const answer = this.#answer ?? this.#begin();
    this.#credit -= bytes.length;
    this.#spent += bytes.length;
    this.#deadline?.extend(this.#options.timeouts.silence);
    if (bytes.length > 0) answer.push(bytes);
    if (!this.isPosted && this.#spent >= grantBytes) this.#grant();
    return true;
  }

  /** The stream is whole. */
  done(): void {
    if (this.state !== "streaming" && this.state !== "accepted") return;
    const answer = this.#answer ?? this.#begin();
    this.#end("done");
    answer.end();
  }

  /**
   * Takes a result.
   *
   * @returns false when it is more than the agent had credit for
   */
  result(result: AgentResult): boolean {
    // Whoever cannot have it answered need not accept it first.
    if (result.is === "error") this.fail(taskFailure(this.llmName, result.error));
    else if (this.state === "offered" || this.isOver) return true;
    else if (result.is === "whole") this.#whole(result);
    else if (result.is === "chunk") return this.#frames(result);
    // A batch behind a gap comes again, when what was before it has come.
    else if (result.seq === this.lastSeq + 1) {
      this.lastSeq = result.seq;
      return this.#frames(result);
    }
    return true;
  }

  /**
   * Returns when the reader takes more, or at a limit in milliseconds: what an agent posts is answered then, so that it
   * does not read its provider meanwhile. At once while it has credit that it knows of.
   */
  async readable(limit: number): Promise<void> {
    const isHeld = () => !this.link.revision.countsCredit || this.#credit <= 0;
    const held = isHeld() ? this.#answer?.held : undefined;
    if (held) {
      const late = Promise.withResolvers<void>();
      const deadline = this.#options.deadlines.after(limit, late.resolve);
      await Promise.race([held, late.promise]);
      deadline.cancel();
    }
    if (this.isOver) return;
    if (!this.#answer?.held) this.#regain();
    this.#starvedAt = this.#credit <= 0 ? this.#options.elapsed() : undefined;
  }

  /** Fails it: the call while it has no answer, else its stream. */
  fail(failure: Error): void {
    this.#end("failed", failure);
  }

  /** Its agent has gone. */
  lose(): void {
    const wasOffered = this.state === "offered";
    const gone = new HttpFailure("closed", "the agent went away");
    this.#end("lost", wasOffered ? noAgent(this.llmName) : gone);
  }

  /** The caller has gone. */
  cancel(): void {
    this.#giveUp(new HttpFailure("cancelled", "the call was cancelled"));
  }

  #whole({ status, body, contentType, retryAfter }: Extract<AgentResult, { is: "whole" }>): void {
    const answer = new PushedResponse(
      status,
      {
        "content-type": contentType,
        ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
      },
      { onCancel() {} },
    );
    // One that has begun to stream cannot begin anew.
    if (this.#answer) return this.fail(new HttpFailure("malformed", "a whole answer came within a stream"));
    this.#end("done");
    answer.push(body);
    answer.end();
    this.#answered.resolve(answer);
  }

  #frames({ frames, done }: { frames: readonly string[]; done: boolean }): boolean {
    const text = frames.map((frame) => eventText(this.#options.operation, frame)).join("");
    // An empty one only asks for credit.
    if (text !== "" && !this.take(Buffer.from(text))) return false;
    if (done) this.done();
    return true;
  }

  #begin(): PushedResponse {
    this.state = "streaming";
    this.#answer = new PushedResponse(
      200,
      { "content-type": "text/event-stream" },
      {
        onCancel: () => this.cancel(),
        onResume: () => this.#resumed(),
      },
    );
    this.#answered.resolve(this.#answer);
    return this.#answer;
  }

  /** The reader has caught up. */
  #resumed(): void {
    if (this.isOver) return;
    this.#deadline?.extend(this.#options.timeouts.silence);
    if (!this.isPosted) {
      if (this.#spent >= grantBytes) this.#grant();
      return;
    }
    const since = this.#starvedAt;
    if (since === undefined) return;
    const tell = () => {
      // It has asked again meanwhile, and was told.
      if (this.#starvedAt !== since) return;
      this.#starvedAt = undefined;
      this.#grant();
    };
    const wait = since + tellingMs - this.#options.elapsed();
    if (wait > 0) this.#options.deadlines.after(wait, tell);
    else tell();
  }

  /** Tells of what may be sent again. */
  #grant(): void {
    if (this.isOver || this.#answer?.held) return;
    const bytes = this.#regain();
    if (bytes > 0) this.#tell({ event: "credit", taskId: this.id, bytes });
  }

  #regain(): number {
    const bytes = this.#spent;
    this.#credit += bytes;
    this.#spent = 0;
    return bytes;
  }

  #tell(event: ServerEvent): void {
    this.link.send(event);
  }

  #late(): void {
    // Who waits for the reader is not silent.
    if (this.#answer?.held) {
      this.#deadline = this.#options.deadlines.after(this.#options.timeouts.silence, () => this.#late());
      return;
    }
    const what = this.#answer ? "no more of the answer" : "no answer";
    this.#giveUp(new HttpFailure("timeout", `${what} came from the agent in time`));
  }

  /** Ends it from this side, and has the agent told. */
  #giveUp(failure: Error): void {
    if (this.isOver) return;
    this.#tell({ event: "cancel", taskId: this.id });
    this.#end("cancelled", failure);
  }

  #end(state: TaskState, failure?: Error): void {
    if (this.isOver) return;
    this.state = state;
    this.#deadline?.cancel();
    this.#options.over(this);
    if (!failure) return;
    this.#answered.reject(failure);
    this.#answer?.fail(failure);
  }
}
