import type { HttpFailure } from "../../../net/http1/http-failure.ts";
import { MessageBody } from "../../../net/http1/message-body.ts";

/** The part of a connection that the body of a request uses. */
export interface BodySource {
  /** Stops reading from the socket, so that the caller has to wait. */
  pauseReading(): void;
  resumeReading(): void;
  /** The body is wanted now: a caller that waits for this may send it. */
  wantBody(): void;
}

/** The body of a request, as it comes. A body that nobody reads is held back at the caller. */
export class IncomingBody extends MessageBody {
  readonly #source: BodySource;
  #isWanted = false;

  constructor(source: BodySource) {
    super();
    this.#source = source;
  }

  override pipe(sink: Parameters<MessageBody["pipe"]>[0]): void {
    if (!this.#isWanted && !this.over) this.#source.wantBody();
    this.#isWanted = true;
    super.pipe(sink);
  }

  pause(): void {
    if (!this.over) this.#source.pauseReading();
  }

  resume(): void {
    if (!this.over) this.#source.resumeReading();
  }

  protected giveUp(failure: HttpFailure): void {
    this.fail(failure);
  }

  protected onOver(): void {
    this.#source.resumeReading();
  }
}
