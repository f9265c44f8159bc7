import { adapterFor } from "../../../adapters/index.ts";
import { AppError } from "../../../errors.ts";
import { isLoopbackHost } from "../../../hosts.ts";
import { holdersOf } from "../access/limit-holders.ts";
import { isAdministrator } from "../access/policy.ts";
import { isLower, pricingOf } from "../prices.ts";
import type { LlmRow } from "../store/typed-rows.ts";
import type { Draft } from "./hooks.ts";

/** The fields of an llm that decide which model of which provider is called, and so what a call really costs. */
const billed = ["type", "model", "url", "apiKeyRef"] as const;

/**
 * Refuses changes of llms by which calls would cost less than before, or less than they really do, if a limit in dollars
 * applies to the principal and it is no administrator (T114).
 */
export function checkPricing(draft: Draft<LlmRow>): void {
  const { principal, snapshot, before, row } = draft;
  const limit = holdersOf(snapshot, principal).find(
    ({ limits }) => limits.costPerDay !== undefined || limits.costPerMonth !== undefined,
  );
  if (!limit || isAdministrator(principal)) return;
  const reason = lowering(draft, before, row);
  if (reason === undefined) return;
  throw new AppError(
    "forbidden",
    `${limit.row.kind} "${limit.row.name}" has a limit in dollars that applies to you, and ${reason}: only an administrator may do that`,
  );
}

/** Returns how a change lowers what calls cost; undefined if it does not. */
function lowering(
  { principal, snapshot }: Draft<LlmRow>,
  before: LlmRow | undefined,
  row: LlmRow,
): string | undefined {
  const { price: _own, ...unpriced } = row.spec;
  const price = pricingOf(row);
  if (isLower(price, pricingOf(before ?? { ...row, spec: unpriced })))
    return "this would lower the price of the llm";
  if (row.spec.allowModelOverride && !before?.spec.allowModelOverride)
    return "with allowModelOverride calls could cost more than the price of the llm";
  const isListed = price?.source === "list";
  const isMoved = billed.some((field) => !Bun.deepEquals(before?.spec[field], row.spec[field]));
  if (price === undefined || !isMoved) return undefined;
  const isOwn = (one: { owner: string | null } | undefined) => one?.owner === principal.userId;
  const dearer = snapshot
    .table("llm")
    .sorted.filter(
      (other) => !isOwn(other) && isSameProvider(other, row) && isLower(price, pricingOf(other)),
    );
  // The models of the price list have different prices at one provider; a price that somebody set is about the provider.
  if (dearer.some((other) => !isListed || other.spec.price !== undefined))
    return "another llm has the same provider and a higher price";
  if (isListed) return undefined;
  // From here on, the price is what the llm says and not what its model costs.
  if (before && !isOwn(before))
    return "this llm of another owner would keep its price for another model or provider";
  const key = row.spec.apiKeyRef;
  if (key && !isOwn(snapshot.named("secret", key.name)))
    return `the price of calls with the key in secret "${key.name}", which is not yours, would be the llm's own`;
  return undefined;
}

function isSameProvider(a: LlmRow, b: LlmRow): boolean {
  return providerHost(a) === providerHost(b);
}

/**
 * Returns the host and port of an llm's provider. This machine has many names and addresses, which count as one, and so
 * does a name with and without the dot at its end.
 */
function providerHost({ spec: { type, url } }: LlmRow): string {
  const parsed = URL.parse(url || (adapterFor(type)?.defaultUrls[type] ?? ""));
  if (!parsed) return type;
  const hostname = parsed.hostname.replace(/\.$/, "");
  return `${isLoopbackHost(hostname) ? "loopback" : hostname}:${parsed.port}`;
}
