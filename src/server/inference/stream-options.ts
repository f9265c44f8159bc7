import type { AnswerShapes } from "../../adapters/shapes/types.ts";
import type { StreamPipe } from "../../adapters/types.ts";
import type { AppError, ProviderError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { DialectWire } from "../../wire/dialects/types.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { GrowingMemory } from "../core/growing-memory.ts";
import type { OpenStreams } from "../core/open-streams.ts";
import type { ReceivedBytes } from "./estimated-usage.ts";
import type { CallRecord } from "./record.ts";

/** The body of a provider's response, as it comes. */
export type StreamedResponse = Pick<ProviderResponse, "over" | "pipe" | "pause" | "resume" | "cancel">;

/** Watches the bearers of streams. */
export interface StreamGuard {
  readonly streams: Pick<OpenStreams, "watch" | "unwatch">;
  /** Returns the error with which the stream of a bearer ends. */
  reason(principal: Principal): AppError;
}

/** Options of `openStream`. */
export interface StreamOptions {
  /** The provider's response, of which only the head has been read. */
  response: StreamedResponse;
  pipe: StreamPipe;
  /** True if the response is called an event stream. Without that, its first bytes must say so. */
  isLabelled: boolean;
  /**
   * The shapes of answers in the provider's dialect, for one that is not sent as a stream. Without them the bytes pass as
   * they are.
   */
  shapes?: AnswerShapes;
  /** The dialect of the events. Without it the body is no event stream: it has no comments, and an error cuts it off. */
  wire?: DialectWire;
  record: Pick<CallRecord, "firstByte" | "close"> & { readonly received: Pick<ReceivedBytes, "add"> };
  requestId: string;
  /** The family of the provider's dialect, in which its errors are written. */
  family: ProviderError["family"];
  /** The provider's API key, which is removed from errors. */
  key: string | undefined;
  deadlines: Deadlines;
  /** The memory of a frame or an answer that is held until it is whole, and of a last frame until it is read. */
  memory: Pick<GrowingMemory, "need" | "release">;
  /** The time after which a caller who reads nothing is disconnected. Milliseconds. */
  readTimeout: number;
  /** The bearer, with which the stream ends. */
  principal: Principal;
  guard: StreamGuard;
  /** Called with the finished pipe, before the last bytes are sent. */
  onComplete(pipe: StreamPipe): void;
  /** Called once the first frame of a responses stream has told the id of the answer, before the caller gets it. */
  onResponseId?: ((id: string) => void) | undefined;
  /** The place in the queue of the llm. It is left when nothing more is read from the provider. */
  place: { leave(): void };
  /** Called before the last bytes are sent. */
  onLastBytes(): void;
  /** Returns an error as the caller may see it. */
  visibleError(error: AppError): AppError;
}
