import type { LlmState } from "../../wire/link/registration.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Write } from "../core/store/types.ts";
import type { Leases } from "./leases.ts";
import type { LlmPublication } from "./registration.ts";
import type { RowWrites } from "./row-writes.ts";
import type { Place } from "./session-registry.ts";
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
export class Statuses {
  readonly #catalogue: Catalogue;
  readonly #leases: Leases;
  readonly #writes: RowWrites;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #settling = new Map<Place, Promise<void>>();

  constructor({ catalogue, now, elapsed, onError }: StatusesOptions, leases: Leases, writes: RowWrites) {
    this.#catalogue = catalogue;
    this.#leases = leases;
    this.#writes = writes;
    this.#now = now;
    this.#elapsed = elapsed;
    this.#onError = onError;
  }

  /** What an llm's status is to be, from what it is. */
  of(place: Place, name: string, current: unknown): string {
    if (place.isAttached && !place.isDraining)
      return place.reports.get(name)?.status ?? (current === "hibernating" ? "hibernating" : "active");
    // Another server may have it, or it may be on its way back.
    return this.isElsewhere(place) ? String(current) : "inactive";
  }

  /** Whether a session is none that this server should say anything of. */
  isElsewhere({ isHere, heardElsewhereAt }: Place): boolean {
    return !isHere && !this.#leases.isOver(heardElsewhereAt);
  }

  /** Writes what has changed for a session, in its turn. Never throws: the next look does what could not be done. */
  settle(place: Place): Promise<void> {
    // Whoever waits for its turn already will see what has changed since.
    const waiting = this.#settling.get(place);
    if (waiting) return waiting;
    const settled = this.#writes
      .inTurn(() => {
        this.#settling.delete(place);
        return this.write([place]);
      })
      .catch(this.#onError);
    this.#settling.set(place, settled);
    return settled;
  }

  /**
   * Writes what an agent has said, as `settle` does. What changes all the time waits for the next look: a commit for each
   * word would leave no time for anybody else.
   */
  async settleSaid(place: Place): Promise<void> {
    if (this.#changes(place).length === 0) return;
    const at = this.#elapsed();
    if (at - place.writes.since > writesWithin) place.writes = { since: at, count: 0 };
    if (++place.writes.count <= mostWrites) await this.settle(place);
  }

  /** Writes what has changed for some sessions. Throws StoreError. */
  write(places: readonly Place[]): Promise<void> {
    return this.#writes.commit(() => places.flatMap((place) => this.#changes(place)));
  }

  #changes(place: Place): Write[] {
    const { snapshot } = this.#catalogue;
    return rowsOf(snapshot, place.session.id).flatMap((row) => {
      if (row.kind !== "llm") return [];
      const status = this.of(place, row.name, row.status["status"]);
      return status === row.status["status"] ? [] : [withStatus(snapshot, row, status, this.#now())];
    });
  }
}

/** What an agent says of an llm, as far as it is a state; undefined when it is none. */
export function stateOf(said: unknown): LlmState | undefined {
  if (typeof said !== "object" || said === null) return undefined;
  const { status, resident, inFlight } = said as Record<string, unknown>;
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
  llms: readonly LlmPublication[],
): Map<string, LlmState> {
  return new Map(
    llms.map(({ name, initialStatus }) => {
      const said = before.get(name);
      return [name, { ...said, status: initialStatus ?? said?.status ?? "active" }];
    }),
  );
}
