import { type Accountable, knownHolders } from "../core/access/limit-holders.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Amount } from "../inference/limits/account.ts";
import { type Admission, amountOf, type CallLimits, type Limiter } from "../inference/limits/limiter.ts";
import type { MainLink } from "./main-link.ts";
import type { NoteOfWorker, Reserved } from "./messages.ts";

type UseNote = Extract<NoteOfWorker, { is: "use" }>;

const nothing: Reserved = { tokens: 0, costMicros: 0 };

/**
 * The limits of calls, as a worker asks them. The main thread alone counts, so that they are as exact as without workers.
 * A call that no limit applies to does not wait for it.
 */
export class RemoteLimits implements CallLimits {
  readonly #link: MainLink;
  readonly #catalogue: Catalogue;
  #last = 0;
  /** The use of calls without limits in this turn of the event loop, by principal. */
  #uses = new Map<string, UseNote>();

  constructor(link: MainLink, catalogue: Catalogue) {
    this.#link = link;
    this.#catalogue = catalogue;
  }

  admit(...call: Parameters<Limiter["admit"]>): Admission | Promise<Admission> {
    const principal = accountable(call[0]);
    if (knownHolders(this.#catalogue.snapshot, principal).length > 0) return this.#ask(principal, call);
    return this.#settledBy(nothing, (used) => this.#count(principal, used));
  }

  #count(principal: Accountable, { tokens, costMicros }: Readonly<Amount>): void {
    const known = this.#uses.get(principal.id);
    if (known) {
      known.calls++;
      known.used.tokens += tokens;
      known.used.costMicros += costMicros;
      return;
    }
    const note: UseNote = { is: "use", principal, calls: 1, used: { tokens, costMicros } };
    this.#uses.set(principal.id, note);
    this.#link.note(note, () => this.#uses.delete(principal.id));
  }

  /** No worker has calls that are with a provider already when they are counted. */
  reserve(): never {
    throw new TypeError("workers reserve nothing");
  }

  async #ask(
    principal: Accountable,
    [, llms, promptTokens, maxTokens, choices = 1, units]: Parameters<Limiter["admit"]>,
  ): Promise<Admission> {
    const admission = ++this.#last;
    const llmIds = llms.map(({ id }) => id);
    const call = { admission, principal, llmIds, promptTokens, maxTokens, choices, units };
    const reserved = (await this.#link.ask({ is: "admit", ...call })) as Reserved;
    return this.#settledBy(reserved, (used) => this.#link.note({ is: "settle", admission, used }));
  }

  #settledBy(reserved: Reserved, tell: (used: Readonly<Amount>) => void): Admission {
    let isSettled = false;
    return {
      reserved,
      settle(llm, usage, model) {
        if (!isSettled) this.use(amountOf(llm, usage, model));
      },
      use(used) {
        if (!isSettled) tell(used);
        isSettled = true;
      },
    };
  }
}

function accountable({ kind, id, userId, makers }: Accountable): Accountable {
  return { kind, id, userId, ...(makers && { makers }) };
}
