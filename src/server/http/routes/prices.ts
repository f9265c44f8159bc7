import { AppError } from "../../../errors.ts";
import { llm as llmKind } from "../../../kinds/llm.ts";
import type { Price } from "../../../kinds/llm-settings.ts";
import { eachInTurns } from "../../../wire/next-turn.ts";
import { decideToShow, isShown } from "../../core/access/parts.ts";
import { priceLists, pricesAsOf } from "../../core/price-lists/index.ts";
import { type Pricing, pricingOf } from "../../core/prices.ts";
import type { TokenRates } from "../../core/rates.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import { listPieces, longResponse, objectPieces } from "../long-response.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The price of a model in a list. */
interface ModelPrice {
  provider: string;
  model: string;
  price: Price;
  /** The page of the provider that states it. */
  source: string;
}

/** The price that calls of an llm count with; `price` and `rates` are null if it has none. */
interface LlmPrice {
  llm: string;
  type: string;
  /** Empty for who may only call the llm. */
  model: string;
  price: Price | null;
  /** The price with all defaults, for tokens of a prompt of usual length. */
  rates: TokenRates | null;
  source: Pricing["source"] | "unpriced";
  /** The sentence that explains the source. */
  reason: string;
}

/** The route of prices: the built-in lists, and the price of each llm that the caller may see or run. */
export function priceRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/prices",
      access: "authenticated",
      summary: "Return list prices by model, and the price of each llm, in US dollars per million tokens",
      query: {
        model: "Only these models, with commas; the beginning of a name is enough",
        llm: "Only this llm",
      },
      handle: (call) => prices(server, call),
    },
  ];
}

async function prices(server: Server, { principal, query }: Call): Promise<Response> {
  const words = (query.get("model") ?? "").split(",").filter((word) => word !== "");
  const name = query.get("llm");
  const isWanted = (model: string) => words.length === 0 || words.some((word) => model.startsWith(word));
  const { snapshot } = server.catalogue;
  const llms: ShownLlm[] = [];
  await eachInTurns(snapshot.table("llm").sorted, (row) => {
    if (name !== null && row.name !== name) return;
    const decision = decideToShow(snapshot, principal, llmKind, { name: row.name, scope: undefined, row });
    if (!isShown(decision)) return;
    const isForCaller = decision === "in part";
    if (name !== null || isWanted(isForCaller ? "" : row.spec.model)) llms.push({ row, isForCaller });
  });
  if (name !== null && llms.length === 0) throw new AppError("not_found", `llm "${name}" does not exist`);
  const models: ModelPrice[] = priceLists.flatMap(({ type, source, models }) =>
    Object.entries(models)
      .filter(([model]) => name === null && isWanted(model))
      .map(([model, price]) => ({ provider: type, model, price, source })),
  );
  const lists = { llms: listPieces(llms, llmPrice), models: listPieces(models, (model) => model) };
  return longResponse(objectPieces({ asOf: pricesAsOf }, lists));
}

/** An llm, and true if its reader may only call it: such a reader learns no address and no model of a provider (T251). */
interface ShownLlm {
  row: LlmRow;
  isForCaller: boolean;
}

function llmPrice({ row, isForCaller }: ShownLlm): LlmPrice {
  const pricing = pricingOf(row);
  const { type, model } = row.spec;
  return {
    llm: row.name,
    type,
    model: isForCaller ? "" : model,
    price: pricing?.price ?? null,
    rates: pricing?.rates.usual ?? null,
    source: pricing?.source ?? "unpriced",
    reason: reasonOf(row, pricing, isForCaller),
  };
}

function reasonOf(
  { spec: { type, model, url } }: LlmRow,
  pricing: Pricing | undefined,
  isForCaller: boolean,
): string {
  if (pricing?.source === "llm") return "the llm has a price of its own";
  if (pricing?.source === "free") return `type ${type} runs on your own machines`;
  if (isForCaller) return pricing ? "the list price of its model" : "no price of its model is known";
  if (pricing?.listed) return `list price of ${pricing.listed.name} at ${pricing.listed.list.source}`;
  const where = url === "" ? `type ${type}` : url;
  return `no price of "${model}" at ${where} is known: set the price of the llm`;
}
