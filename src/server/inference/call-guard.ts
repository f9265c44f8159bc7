import { WorkEnd } from "../../end-signal.ts";
import type { AppError } from "../../errors.ts";
import { whenGone } from "../../wire/incoming-request.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { OpenStream, OpenStreams } from "../core/open-streams.ts";
import { endReason } from "./end-reason.ts";
import { transportFailure } from "./failure.ts";

interface GuardDeps {
  readonly catalogue: Pick<Catalogue, "snapshot">;
  readonly streams: Pick<OpenStreams, "watch" | "unwatch">;
  now(): number;
}

/**
 * The signal of a call. It aborts when its caller has gone, and when its bearer is no longer valid, also while the call waits
 * for its provider (T56). It holds nothing else of the call: the response of a stream has it.
 */
export class CallGuard extends WorkEnd implements OpenStream {
  readonly principal: Principal;
  readonly #deps: GuardDeps;
  #reason: AppError | undefined;

  constructor(deps: GuardDeps, principal: Principal) {
    super();
    this.principal = principal;
    this.#deps = deps;
  }

  /** Watches the bearer and the caller from now on, until `stop`. */
  watch(request: Parameters<typeof whenGone>[0]): void {
    whenGone(request, this);
    this.#deps.streams.watch(this);
  }

  revoke(): void {
    this.#reason ??= endReason(this.#deps, this.principal);
    this.abort();
  }

  /** The call has a response, which has a guard of its own, or has failed. */
  stop(): void {
    this.#deps.streams.unwatch(this);
  }

  /** Returns the error that a caller gets for anything thrown: the reason for which the call was ended, if it was. */
  errorOf(thrown: unknown): AppError {
    const error = transportFailure(thrown);
    return this.#reason && error.code === "client_closed_request" ? this.#reason : error;
  }
}
