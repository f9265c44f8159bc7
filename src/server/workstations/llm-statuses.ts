import { llm } from "../../kinds/llm.ts";
import { isObject } from "../../wire/json.ts";
import type { LlmState } from "../../wire/link/registration.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { isOf } from "../core/store/typed-rows.ts";
import type { Write } from "../core/store/types.ts";
import type { Leases } from "./leases.ts";
import type { PublishedLlm } from "./registration.ts";
import type { RowWrites } from "./row-writes.ts";
import type { SessionState } from "./session-registry.ts";
import { rowsOf, withStatus } from "./virtual-rows.ts";

/** What an agent says is written at once so many times within so many milliseconds. */
const mostWrites = 20;
const writesWithin = 10_000;

const words: readonly unknown[] = ["active", "inactive", "hibernating"] satisfies LlmState["status"][];

interface StatusesOptions {
  catalogue: Catalogue;
  now(): number;
  /** Milliseconds, by a clock that nobody sets. */
  elapsed(): number;
  onError(error: unknown): void;
}

/** The status of each virtual llm, as its agent says and as long as that is there. */
export class LlmStatuses {
  readonly #catalogue: Catalogue;
  readonly #leases: Leases;
  readonly #writes: RowWrites;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #settling = new Map<SessionState, Promise<void>>();

  constructor({ catalogue, now, elapsed, onError }: StatusesOptions, leases: Leases, writes: RowWrites) {
    this.#catalogue = catalogue;
    this.#leases = leases;
    this.#writes = writes;
    this.#now = now;
    this.#elapsed = elapsed;
    this.#onError = onError;
  }

  /** What an llm's status is to be, from what it is. */
  of(state: SessionState, name: string, current: unknown): string {
    if (state.isAttached && !state.isDraining)
      return state.reports.get(name)?.status ?? (current === "hibernating" ? "hibernating" : "active");
    // Another server may have it, or it may be on its way back.
    return this.isElsewhere(state) ? String(current) : "inactive";
  }

  /** Whether a session is none that this server should say anything of. */
  isElsewhere({ isHere, heardElsewhereAt }: SessionState): boolean {
    return !isHere && !this.#leases.isOver(heardElsewhereAt);
  }

  /** Writes what has changed for a session, in its turn. Never throws: the next look does what could not be done. */
  settle(state: SessionState): Promise<void> {
    // Whoever waits for its turn already will see what has changed since.
    const waiting = this.#settling.get(state);
    if (waiting) return waiting;
    const settled = this.#writes
      .inTurn(() => {
        this.#settling.delete(state);
        return this.write([state]);
      })
      .catch(this.#onError);
    this.#settling.set(state, settled);
    return settled;
  }

  /**
   * Writes what an agent has said, as `settle` does. What changes all the time waits for the next look: a commit for each
   * word would leave no time for anybody else.
   */
  async settleSaid(state: SessionState): Promise<void> {
    if (this.#changes(state).length === 0) return;
    const at = this.#elapsed();
    if (at - state.writes.since > writesWithin) state.writes = { since: at, count: 0 };
    if (++state.writes.count <= mostWrites) await this.settle(state);
  }

  /** Writes what has changed for some sessions. Throws StoreError. */
  write(registry: readonly SessionState[]): Promise<void> {
    return this.#writes.commit(() => registry.flatMap((state) => this.#changes(state)));
  }

  #changes(state: SessionState): Write[] {
    const { snapshot } = this.#catalogue;
    return rowsOf(snapshot, state.session.id).flatMap((row) => {
      if (!isOf(llm, row)) return [];
      const status = this.of(state, row.name, row.status.status);
      return status === row.status.status ? [] : [withStatus(snapshot, row, status, this.#now())];
    });
  }
}

/** What an agent says of an llm, as far as it is a state; undefined when it is none. */
export function stateOf(reported: unknown): LlmState | undefined {
  if (!isObject(reported)) return undefined;
  const { status, resident, inFlight } = reported;
  if (!words.includes(status)) return undefined;
  return {
    status: status as LlmState["status"],
    ...(typeof resident === "boolean" && { resident }),
    ...(Number.isSafeInteger(inFlight) && (inFlight as number) >= 0 && { inFlight: inFlight as number }),
  };
}

/** What is known of the llms of an agent that has registered: what it says then, and said before. */
export function reportsAfter(
  before: ReadonlyMap<string, LlmState>,
  llms: readonly PublishedLlm[],
): Map<string, LlmState> {
  return new Map(
    llms.map(({ name, initialStatus }) => {
      const said = before.get(name);
      return [name, { ...said, status: initialStatus ?? said?.status ?? "active" }];
    }),
  );
}
