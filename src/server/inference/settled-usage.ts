import { type BilledUnits, usedUnits } from "../../adapters/passthrough/billed-units.ts";
import { presentCounts, type Usage } from "../../wire/dialects/usage.ts";
import { billedUnits, unsummedUnits } from "../core/store/usage.ts";
import type { ReceivedBytes, SentRequest } from "./estimated-usage.ts";

/** The facts about a call against which the reported usage is checked. */
export interface SettledCall {
  /** The request that is with a provider; undefined while none has it. */
  readonly sent: SentRequest | undefined;
  readonly received: Pick<ReceivedBytes, "total" | "tokens">;
  /** True if the call failed or the caller left, so that the last report may be missing. */
  readonly isBroken: boolean;
  /** Milliseconds without an answer until the caller left, or lost the right to it; undefined if neither happened. */
  readonly silentMs?: number | undefined;
  /** True if a workstation agent reports the usage. */
  readonly isVirtual: boolean;
  /** Units besides tokens that the request asks for. */
  readonly askedUnits?: BilledUnits | undefined;
}

/** No model reads or writes more in a call. Sums over years stay exact below it. */
const maxTokens = 100_000_000;

/**
 * A reported count that is smaller than the estimate by this factor is not believed. Tokens of repeated letters and of
 * blanks are long; the same text stands in a stream of the responses dialect up to five times.
 */
const unbelievable = { prompt: 4, completion: 8 };
/** Estimates below it are too rough to doubt a report. Tokens. */
const leastDoubted = 100;
/**
 * Tokens that a model writes in a second, where nobody sees them: it reasons, or its answer is sent when it is whole.
 * Large models write about so many.
 */
const unseenPerSecond = 50;
/** The longest answer of current models. Tokens. */
const longestAnswer = 128_000;

/** The text of a response is looked at only if it has more bytes for a reported token: few responses have. */
const believableBytes = 50;

/**
 * Returns the usage that counts against limits: the larger of the report and an honest estimate of what was sent and
 * received. The estimate counts where the provider reports none, where the call broke before the last report, where
 * its caller left while the model wrote unseen (T374), and where the report is too small for the text (T126). The report
 * of a workstation agent is bounded by the size of the request and the response.
 */
export function settledUsage(reported: Usage, call: SettledCall): SettledUsage {
  const told = countable(reported);
  const { sent, askedUnits } = call;
  // Few calls have any.
  const units = askedUnits || hasUnits(told) ? usedUnitsOf(told, sent && askedUnits) : undefined;
  const usage = units
    ? { ...told, ...units.units, ...(units.countedHere && { countedHere: true as const }) }
    : told;
  if (sent?.tier) usage.tier = sent.tier;
  const isEstimated = settleTokens(usage, call);
  const isGuessed = usage.countedHere === true && units?.units.seconds !== undefined;
  return { usage, isEstimated: isEstimated || isGuessed, units: units?.units };
}

/** The usage that counts, and if it was estimated. `units` has its units besides tokens, if there are any. */
interface SettledUsage {
  usage: Usage;
  isEstimated: boolean;
  units: BilledUnits | undefined;
}

const units = [...billedUnits, ...unsummedUnits];

function hasUnits(usage: Usage): boolean {
  for (const name of units) if (usage[name]) return true;
  return false;
}

/** Returns the units that a provider bills for the request that it has; undefined for none. */
function usedUnitsOf(usage: Usage, asked: BilledUnits | undefined): ReturnType<typeof usedUnits> | undefined {
  const told = presentCounts(Object.fromEntries(units.map((name) => [name, usage[name]])));
  const used = usedUnits(asked ?? {}, told);
  return Object.keys(used.units).length === 0 ? undefined : used;
}

/** Settles the tokens of a usage. Returns true if some were estimated. */
function settleTokens(usage: Usage, call: SettledCall): boolean {
  const { sent, received, isBroken, isVirtual, silentMs = 0 } = call;
  if (!sent) return false;
  if (isVirtual) {
    usage.promptTokens = Math.min(usage.promptTokens, sent.characters);
    usage.completionTokens = Math.min(usage.completionTokens, (sent.maxTokens ?? 0) + received.total);
  }
  const before = usage.promptTokens + usage.completionTokens;
  if (usage.promptTokens === 0) usage.promptTokens = sent.promptTokens;
  else if (isTooSmall(usage.promptTokens, sent.textTokens, unbelievable.prompt))
    usage.promptTokens = sent.textTokens;
  if (isBroken || usage.completionTokens * believableBytes < received.total) {
    const answered = received.tokens();
    if (isBroken || isTooSmall(usage.completionTokens, answered, unbelievable.completion))
      usage.completionTokens = Math.max(usage.completionTokens, answered);
  }
  const unseen = Math.floor((silentMs / 1000) * unseenPerSecond);
  usage.completionTokens = Math.max(
    usage.completionTokens,
    Math.min(unseen, sent.maxTokens || longestAnswer),
  );
  bound(usage);
  return usage.promptTokens + usage.completionTokens > before;
}

function isTooSmall(reported: number, estimate: number, factor: number): boolean {
  return reported === 0 || (estimate > leastDoubted && reported * factor < estimate);
}

/**
 * Returns the usage that a provider reports, within sane bounds. A workstation agent can report any number: one that
 * does not fit the database would lose the events of other calls too, and a negative one would lower the use of limits.
 */
function countable(reported: Usage): Usage {
  const usage = { ...reported };
  delete usage.countedHere;
  delete usage.tier;
  for (const name in usage) usage[name as Counted] = count(usage[name as Counted]);
  return usage;
}

type Counted = Exclude<keyof Usage, "countedHere" | "tier">;

/** Bounds parts by their whole. */
function bound(usage: Usage): void {
  usage.cachedTokens = Math.min(usage.cachedTokens, usage.promptTokens);
  if (usage.cacheWriteTokens === undefined) return;
  usage.cacheWriteTokens = Math.min(usage.cacheWriteTokens, usage.promptTokens - usage.cachedTokens);
}

function count(reported: unknown): number {
  return typeof reported === "number" && reported > 0 ? Math.min(Math.round(reported), maxTokens) : 0;
}
