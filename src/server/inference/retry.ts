import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { backoffDelay } from "../../time.ts";

/**
 * Where a call that failed may be tried again: `here` at the same llm too, `elsewhere` at another member of the
 * pool, `late` the same but once, because much time is gone, or nowhere.
 */
export type Again = "here" | "elsewhere" | "late" | "never";

export interface Judgement {
  again: Again;
  /** What the failure says of the provider; undefined where it says nothing. */
  isWell: boolean | undefined;
  /** Nobody answered the door: one such failure says enough. */
  cannotConnect?: true;
}

const failing = (again: Again): Judgement => ({ again, isWell: false });
const unknown = (again: Again): Judgement => ({ again, isWell: undefined });

/**
 * Judges a failed try. A call may be sent to the same llm again only where nothing was done, or the provider said
 * so itself; another llm may be asked after anything that is not the caller's own fault.
 *
 * @param thrown what the try ended in, before anything went to the caller
 * @param answered the provider's status, from the head or from an error that came as the first event of a
 *   stream; undefined where there was no answer
 */
export function judge(thrown: unknown, answered: number | undefined): Judgement {
  if (answered !== undefined && (answered < 200 || answered > 299)) return ofStatus(answered);
  const cause = thrown instanceof AppError ? thrown.cause : thrown;
  if (cause instanceof HttpFailure) return ofTransport(cause.kind, answered !== undefined);
  if (!(thrown instanceof AppError)) return unknown("never");
  if (answered !== undefined)
    return thrown.code === "provider_error" ? failing("elsewhere") : unknown("never");
  switch (thrown.code) {
    // The key cannot be read.
    case "secret_unavailable":
    case "unavailable":
    // No turn in time; or the llm has changed while the call waited.
    case "too_many_requests":
    case "forbidden":
    case "not_found":
    // This provider cannot be asked for it; one of another kind may.
    case "invalid_request":
    case "not_supported":
      return unknown("elsewhere");
    default:
      return unknown("never");
  }
}

function ofStatus(status: number): Judgement {
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) return failing("here");
  // Its key, its bill, its address: the next one has its own.
  if (status === 401 || status === 402 || status === 403 || status < 400) return failing("elsewhere");
  return { again: "never", isWell: true };
}

function ofTransport(kind: HttpFailure["kind"], hasHead: boolean): Judgement {
  switch (kind) {
    case "cancelled":
      return unknown("never");
    case "connect":
      return { ...failing("here"), cannotConnect: true };
    case "closed":
      return failing(hasHead ? "elsewhere" : "here");
    // The provider may be at it still.
    case "timeout":
      return failing("late");
    case "refused":
    case "malformed":
    case "too-large":
      return failing("elsewhere");
  }
}

/** A try that failed. */
export interface Failed {
  /** The llm's place in the order of the candidates. */
  member: number;
  again: Again;
  /** When it failed, in milliseconds. */
  at: number;
  /** Seconds, where the provider told them. */
  retryAfter?: number | undefined;
}

/** The next try: of whom, after how many milliseconds. */
export interface Next {
  member: number;
  wait: number;
}

/** After so many milliseconds nobody is asked a second time, and only one more a first time. */
const patience = 20_000;

const triesAlone = 3;
const triesInPool = 2;
/** Milliseconds. */
const backoffSpan = { first: 200, longest: 5_000 };

/**
 * What comes after a failure. The candidates are tried in their order without delay. Those whose failure may be
 * tried again are then asked a second time, and an llm on its own a third time, after a wait: at random up to
 * 200 ms, 400 ms and so on ("full jitter"), and no sooner than the provider's `retry-after`. Where that does not
 * fit into 20 s from the start, the call is given up at once.
 *
 * @param candidates how many llms there are
 * @param history the tries so far, the last one just over; not empty
 * @param startedAt when the first one began, in milliseconds
 * @param random from 0 to just below 1
 * @returns undefined to give up
 */
export function nextAttempt(
  candidates: number,
  history: readonly Failed[],
  startedAt: number,
  random: () => number,
): Next | undefined {
  const { again, at: now } = history.at(-1)!;
  if (again === "never") return undefined;
  const tried = new Map<number, Failed>();
  for (const failed of history) tried.set(failed.member, failed);
  if (tried.size < candidates) {
    const isLate = (failed: Failed) => failed.again === "late" || failed.at - startedAt > patience;
    return history.filter(isLate).length > 1 ? undefined : { member: tried.size, wait: 0 };
  }
  const mostTries = candidates === 1 ? triesAlone : triesInPool;
  let next: { member: number; ready: number } | undefined;
  for (const { member, again, at, retryAfter = 0 } of tried.values()) {
    if (again !== "here") continue;
    if (history.filter((failed) => failed.member === member).length >= mostTries) continue;
    const ready = at + retryAfter * 1000;
    if (!next || ready < next.ready) next = { member, ready };
  }
  if (!next) return undefined;
  const jitter = backoffDelay(history.length - candidates, backoffSpan, random);
  const wait = Math.max(jitter, next.ready - now);
  return now + wait - startedAt > patience ? undefined : { member: next.member, wait };
}
