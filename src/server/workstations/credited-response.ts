import { PushedResponse } from "../../net/pushed-response.ts";
import { creditBytes, wholeCreditBytes } from "../../wire/link/constants.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { LinkSession } from "./link-session.ts";

/** Credit is granted again in parts of at least this many bytes. */
const grantBytes = 64 * 1024;

/** Bytes beyond its credit that are taken from an agent whose revision of the link protocol does not count credit. */
const overdraftBytes = 8 * 1024 * 1024;

/**
 * An agent that read "no credit" in the answer to a POST gets no credit event for this many milliseconds, so that the
 * event does not overtake that answer.
 */
const grantDelayMs = 1000;

export interface CreditedResponseOptions {
  /** The task, with the link by which its agent is attached now. */
  task: { readonly id: string; readonly link: LinkSession };
  /** True if the agent posts its response, and reads its credit in the answers to its POSTs. */
  isPosted: boolean;
  deadlines: Deadlines;
  /** Milliseconds on a monotonic clock. */
  elapsed(): number;
  /** The reader has given up the response. */
  onCancel(): void;
  /** The reader takes more again. */
  onResume(): void;
}

/**
 * The streamed response of one task, bounded by credit: an agent may send as much as its reader has read and
 * `creditBytes` more.
 */
export class CreditedResponse {
  readonly #options: CreditedResponseOptions;
  #response: PushedResponse | undefined;
  #isWhole = false;
  /** Bytes that the agent may still send. Below 0 if it sent more. */
  #credit = creditBytes;
  /** Bytes that the agent has sent since credit was last granted. */
  #spent = 0;
  /** The time at which the agent read that it has no credit; undefined if it knows of some. */
  #starvedAt: number | undefined;

  constructor(options: CreditedResponseOptions) {
    this.#options = options;
  }

  /** The response for its reader; undefined before its first byte. */
  get response(): PushedResponse | undefined {
    return this.#response;
  }

  /** True if the bytes are those of a whole response, and not of a stream of events. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** True while the reader holds the response back. */
  get isHeld(): boolean {
    return this.#response?.held !== undefined;
  }

  /** Bytes that the agent may still send. */
  get credit(): number {
    return Math.max(0, this.#credit);
  }

  /** True if the next part is taken. One part may be larger than the credit that is left. */
  get takesMore(): boolean {
    return this.#credit > (this.#options.task.link.revision.countsCredit ? 0 : -overdraftBytes);
  }

  /** Starts a stream of events. */
  begin(): PushedResponse {
    return this.#begin(200, { "content-type": "text/event-stream" });
  }

  /** Starts a whole response. Its agent has more credit: the server reads it at once. */
  beginWhole(status: number, headers: Readonly<Record<string, string>>): PushedResponse {
    this.#isWhole = true;
    this.#credit += wholeCreditBytes - creditBytes;
    return this.#begin(status, headers);
  }

  #begin(status: number, headers: Readonly<Record<string, string>>): PushedResponse {
    const { onCancel } = this.#options;
    this.#response = new PushedResponse(status, headers, { onCancel, onResume: () => this.#resumed() });
    return this.#response;
  }

  /** Passes bytes of a response that has begun to its reader. */
  push(bytes: Buffer): void {
    this.#credit -= bytes.length;
    this.#spent += bytes.length;
    if (bytes.length > 0) this.#response?.push(bytes);
    this.#grantIfDue();
  }

  /**
   * Holds back the answer to a POST, so that the agent does not read its provider meanwhile. Returns when the reader
   * takes more; at once while the agent has credit.
   *
   * @param limit milliseconds after which it returns in any case
   */
  async readable(limit: number): Promise<void> {
    const isOutOfCredit = () => !this.#options.task.link.revision.countsCredit || this.#credit <= 0;
    const held = isOutOfCredit() ? this.#response?.held : undefined;
    if (held) {
      const late = Promise.withResolvers<void>();
      const deadline = this.#options.deadlines.after(limit, late.resolve);
      await Promise.race([held, late.promise]);
      deadline.cancel();
    }
    if (this.#response?.over) return;
    if (!this.isHeld) this.#regain();
    this.#starvedAt = this.#credit <= 0 ? this.#options.elapsed() : undefined;
  }

  #resumed(): void {
    this.#options.onResume();
    if (!this.#options.isPosted) return this.#grantIfDue();
    const since = this.#starvedAt;
    if (since === undefined) return;
    const tell = () => {
      // The agent has posted again meanwhile, and has read its credit in the answer.
      if (this.#starvedAt !== since) return;
      this.#starvedAt = undefined;
      this.#grant();
    };
    const wait = since + grantDelayMs - this.#options.elapsed();
    if (wait > 0) this.#options.deadlines.after(wait, tell);
    else tell();
  }

  /** Grants credit on a WebSocket once there is enough of it. */
  #grantIfDue(): void {
    if (!this.#options.isPosted && this.#spent >= grantBytes) this.#grant();
  }

  #grant(): void {
    if (this.#response?.over || this.isHeld) return;
    const bytes = this.#regain();
    const { task } = this.#options;
    if (bytes > 0) task.link.send({ event: "credit", taskId: task.id, bytes });
  }

  #regain(): number {
    const bytes = this.#spent;
    this.#credit += bytes;
    this.#spent = 0;
    return bytes;
  }
}
