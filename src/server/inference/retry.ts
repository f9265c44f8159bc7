import { AppError, type ErrorMeaning } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { backoffDelay } from "../../time.ts";

/**
 * The llms at which a failed call may be tried again. `here`: the same llm or another member of the pool. `elsewhere`:
 * another member. `late`: another member, but only once, because the failure took much time.
 */
export type Retry = "here" | "elsewhere" | "late" | "never";

export interface FailureClass {
  retry: Retry;
  /** True if the failure shows that the provider works, undefined if it shows nothing about the provider. */
  isHealthy: boolean | undefined;
  /** The connection was refused: one such failure is enough to avoid the llm for a while. */
  cannotConnect?: true;
}

const failing = (retry: Retry): FailureClass => ({ retry, isHealthy: false });
const unknown = (retry: Retry): FailureClass => ({ retry, isHealthy: undefined });

/**
 * Classifies a failed attempt. The same llm may be called again only if it did not process the call, or its provider
 * allows it. Another llm may be called after every failure that is not the caller's fault.
 *
 * @param thrown the error of the attempt, of which the caller has seen nothing yet
 * @param status the provider's status, from the head of its response or from an error in the first event of its
 *   stream; undefined if there was no response
 */
export function classifyFailure(thrown: unknown, status: number | undefined): FailureClass {
  const meaning = thrown instanceof AppError ? thrown.provider?.meaning : undefined;
  const known = meaning && ofMeaning[meaning.is];
  if (known) return known;
  if (status !== undefined && (status < 200 || status > 299)) return ofStatus(status);
  const cause = thrown instanceof AppError ? thrown.cause : thrown;
  if (cause instanceof HttpFailure) return ofTransport(cause, status !== undefined);
  if (!(thrown instanceof AppError)) return unknown("never");
  if (status !== undefined) return thrown.code === "provider_error" ? failing("elsewhere") : unknown("never");
  switch (thrown.code) {
    // The key cannot be read.
    case "secret_unavailable":
    case "unavailable":
    // The call got no turn in time, or the llm has changed while the call waited.
    case "too_many_requests":
    case "forbidden":
    case "not_found":
    // This provider has no such operation; another one may have it.
    case "invalid_request":
    case "not_supported":
      return unknown("elsewhere");
    default:
      return unknown("never");
  }
}

/** The errors whose meaning says more than their status. */
const ofMeaning: Readonly<Partial<Record<ErrorMeaning["is"], FailureClass>>> = {
  credential: failing("elsewhere"),
  // A little later the account has no more money than now.
  quota: failing("elsewhere"),
  no_model: unknown("elsewhere"),
  sealed_elsewhere: unknown("elsewhere"),
  // Another member may have a larger context.
  overflow: { retry: "elsewhere", isHealthy: true },
  // Another member may have another template, or take images.
  unsupported_input: { retry: "elsewhere", isHealthy: true },
  moderation: { retry: "never", isHealthy: true },
};

function ofStatus(status: number): FailureClass {
  // The call has gone in a circle: each further attempt would go round once more (T105).
  if (status === 508) return unknown("never");
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) return failing("here");
  // The key, the bill or the address of this llm: another llm has its own.
  if (status === 401 || status === 402 || status < 400) return failing("elsewhere");
  // The region, the model or the operation: the llm works for other calls.
  if (status === 403 || status === 404 || status === 501) return unknown("elsewhere");
  return { retry: "never", isHealthy: true };
}

function ofTransport({ kind, cause }: HttpFailure, hasHead: boolean): FailureClass {
  switch (kind) {
    case "cancelled":
      return unknown("never");
    case "connect": {
      // A machine that is off answers nothing a moment later either, and to find that out takes seconds.
      const isSilent = (cause as { code?: unknown } | undefined)?.code === "ETIMEDOUT";
      return { ...failing(isSilent ? "elsewhere" : "here"), cannotConnect: true };
    }
    case "closed":
      return failing(hasHead ? "elsewhere" : "here");
    // The provider may still be processing the call.
    case "timeout":
      return failing("late");
    case "refused":
    case "malformed":
    case "too-large":
      return failing("elsewhere");
  }
}

/** An attempt that failed. */
export interface FailedAttempt {
  /** The index of the llm among the candidates. */
  member: number;
  retry: Retry;
  /** The time of the failure, in milliseconds. */
  at: number;
  /** Seconds, if the provider sent them. */
  retryAfter?: number | undefined;
}

/** The attempts of a call that have failed. */
export interface Failures {
  readonly history: FailedAttempt[];
  /** The error that the caller gets if no other attempt succeeds. */
  error: AppError;
}

export interface NextAttempt {
  /** The index of the llm among the candidates. */
  member: number;
  /** Milliseconds until the attempt. */
  wait: number;
}

/** After this time no llm is called a second time, and only one more is called a first time. Milliseconds. */
const retryTimeout = 20_000;

const attemptsAlone = 3;
const attemptsInPool = 2;
/** Milliseconds. */
const backoffSpan = { first: 200, longest: 5_000 };

/**
 * Returns the attempt after a failure. The candidates are tried in their order without delay. Those whose failure
 * allows it are then tried a second time, and an llm on its own a third time, after a wait: at random up to
 * 200 ms, 400 ms and so on ("full jitter"), and no sooner than the provider's `retry-after`. Where that does not
 * fit into 20 s from the start, the call fails at once.
 *
 * @param candidates the number of llms
 * @param history the attempts so far, oldest first; not empty
 * @param startedAt the time at which the first attempt began, in milliseconds
 * @param random from 0 to just below 1
 * @returns undefined if the call has failed
 */
export function nextAttempt(
  candidates: number,
  history: readonly FailedAttempt[],
  startedAt: number,
  random: () => number,
): NextAttempt | undefined {
  const { retry, at: now } = history.at(-1)!;
  if (retry === "never") return undefined;
  const tried = new Map<number, FailedAttempt>();
  for (const failed of history) tried.set(failed.member, failed);
  if (tried.size < candidates) {
    const isLate = (failed: FailedAttempt) => failed.retry === "late" || failed.at - startedAt > retryTimeout;
    return history.filter(isLate).length > 1 ? undefined : { member: tried.size, wait: 0 };
  }
  const maxAttempts = candidates === 1 ? attemptsAlone : attemptsInPool;
  let next: { member: number; ready: number } | undefined;
  for (const { member, retry, at, retryAfter = 0 } of tried.values()) {
    if (retry !== "here") continue;
    if (history.filter((failed) => failed.member === member).length >= maxAttempts) continue;
    const ready = at + retryAfter * 1000;
    if (!next || ready < next.ready) next = { member, ready };
  }
  if (!next) return undefined;
  const jitter = backoffDelay(history.length - candidates, backoffSpan, random);
  const wait = Math.max(jitter, next.ready - now);
  return now + wait - startedAt > retryTimeout ? undefined : { member: next.member, wait };
}
