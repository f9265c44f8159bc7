import type { StreamPosition } from "../wire/dialects/types.ts";
import type { Usage } from "../wire/dialects/usage.ts";
import type { ResponsesAnswer, StreamFault, StreamPipe } from "./types.ts";

/** A pipe that changes what goes into or comes out of another one. What is known of the stream is what that one knows. */
export abstract class WrappingPipe implements StreamPipe {
  protected readonly inner: StreamPipe;

  constructor(inner: StreamPipe) {
    this.inner = inner;
  }

  get finished(): boolean {
    return this.inner.finished;
  }

  get done(): boolean {
    return this.inner.done;
  }

  get usage(): Usage {
    return this.inner.usage;
  }

  get fault(): StreamFault | undefined {
    return this.inner.fault;
  }

  get position(): StreamPosition | undefined {
    return this.inner.position;
  }

  get answer(): ResponsesAnswer | undefined {
    return this.inner.answer;
  }

  get held(): number {
    return this.inner.held ?? 0;
  }

  abstract push(chunk: Uint8Array): Uint8Array | string | null;

  abstract end(): Uint8Array | string | null;
}
