import { AppError } from "../../../errors.ts";
import { HttpFailure } from "../../../net/outbound.ts";
import type { OutputFile } from "../../../processes/output-file.ts";
import type { Time } from "../../../time.ts";
import type { VllmSetup } from "./engine.ts";
import { knownReason } from "./phases.ts";

/** Lines of output that the owner sees. */
const shownLines = 20;

/** Lines of output that are searched for a reason. */
const searchedLines = 200;

/** Adds the reason to what has happened to a vLLM, if its output shows a known one. Callers may see the text. */
export function withReason(what: string, output: OutputFile): string {
  const reason = knownReason(output.lastLines(searchedLines));
  return what + (reason === undefined ? "" : ` (${reason})`);
}

/** Adds the end of the output, and the path of the rest. The text is for the owner only. */
export function withOutput(what: string, output: OutputFile, path: string): string {
  const lines = output.lastLines(shownLines).map((line) => `  ${line}`);
  return lines.length === 0 ? what : `${what}; the end of ${path}:\n${lines.join("\n")}`;
}

/** Callers are refused for so many milliseconds after a failed start. */
const coolDown = 30_000;

/** The last failure of one vLLM, as its callers may see it. */
export class LastFailure {
  readonly #setup: Pick<VllmSetup, "config" | "log">;
  readonly #time: Time;
  #failure: { message: string; until: number } | undefined;
  #unusable: string | undefined;

  constructor(setup: Pick<VllmSetup, "config" | "log">, time: Time) {
    this.#setup = setup;
    this.#time = time;
  }

  /** True if it cannot be started at all, for example because there is no program. */
  get isUnusable(): boolean {
    return this.#unusable !== undefined;
  }

  /** Its message; null when there was no failure since the last success. */
  get message(): string | null {
    return this.#unusable ?? this.#failure?.message ?? null;
  }

  /** Throws AppError `unavailable` during the cool-down after a failed start. */
  refuseInCoolDown(): void {
    const wait = (this.#failure?.until ?? 0) - this.#time.elapsed();
    if (!this.#failure || wait <= 0) return;
    throw new AppError("unavailable", this.#failure.message, { retryAfter: Math.ceil(wait / 1000) });
  }

  /** Forgets it, because a start begins or was not wanted. */
  forget(): void {
    this.#failure = undefined;
  }

  /** Forgets that it could not be started at all, because that is tried again. */
  tryAgain(): void {
    this.#unusable = undefined;
  }

  /** Records the failure of a vLLM that was ready. The next call may start it again. */
  record(message: string): void {
    this.#failure = { message, until: 0 };
  }

  /** Records a failed start, and begins the cool-down. Returns the error for callers. */
  recordStart(message: string): AppError {
    this.#failure = { message, until: this.#time.elapsed() + coolDown };
    return new AppError("unavailable", message, { retryAfter: coolDown / 1000 });
  }

  /** Records an error with all details for the owner. Returns the error for callers, which names no path. */
  recordError(thrown: unknown): AppError {
    const message = messageOf(thrown);
    this.#setup.log.error(`${this.#setup.config.name}: ${withCause(thrown)}`);
    if (!(thrown instanceof AppError)) this.record("vLLM cannot be started");
    else if (thrown.code !== "not_supported") this.record(message);
    else this.#unusable = message;
    return forCallers(thrown);
  }
}

/** Returns the error that callers get. It contains no path of this machine. */
function forCallers(thrown: unknown): AppError {
  if (thrown instanceof AppError && thrown.code === "unavailable") return thrown;
  return new AppError("unavailable", "vLLM cannot be started on its machine", {
    cause: thrown,
    retryAfter: 30,
  });
}

/** Returns the error for callers that waited for a start which was stopped. */
export function brokenOff(): AppError {
  return new AppError("unavailable", "it was stopped while it was waking", { retryAfter: 5 });
}

/** Returns the error for a caller that went away while it waited. */
export function cancelled(): HttpFailure {
  return new HttpFailure("cancelled", "the call was cancelled");
}

/** Returns the message of an error with that of its cause, for the owner's log. */
export function withCause(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause === undefined ? messageOf(thrown) : `${messageOf(thrown)} (${messageOf(cause)})`;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
