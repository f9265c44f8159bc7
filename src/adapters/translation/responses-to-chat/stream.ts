import type { StreamPosition } from "../../../wire/dialects/types.ts";
import type { Usage } from "../../../wire/dialects/usage.ts";
import type { SseEvent } from "../../../wire/sse.ts";
import type { Fields } from "../request-fields.ts";
import { payloadOf, TranslatedPipe } from "../translated-pipe.ts";
import { ResponseEvents } from "./events.ts";

/** A chat stream as the events of a responses stream. */
export class ResponsesFromChat extends TranslatedPipe {
  readonly #events: ResponseEvents;

  /**
   * @param model What the caller asked for.
   * @param request The caller's own.
   * @param seconds The time, since 1970.
   */
  constructor(model: string, request: Fields, seconds: () => number) {
    super();
    this.#events = new ResponseEvents(model, request, seconds);
  }

  get usage(): Usage {
    return this.#events.usage;
  }

  get position(): StreamPosition | undefined {
    return this.#events.position;
  }

  protected override convert(event: SseEvent): string {
    const frames = this.#events.take(event.data, () => payloadOf(event));
    this.#follow();
    return frames;
  }

  protected override close(): string {
    const frames = this.#events.close();
    this.#follow();
    return frames;
  }

  #follow(): void {
    const { finished, done, fault } = this.#events;
    this.finished = finished;
    this.done = done;
    this.fault = fault;
  }
}
