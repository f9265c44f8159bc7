import type { Price } from "../../../kinds/llm-settings.ts";
import type { LlmType } from "../../../kinds/provider-types.ts";

/** The list prices of one provider. */
export interface PriceList {
  /** The type of llms that call the provider. */
  readonly type: LlmType;
  /** The provider's own page that states the prices. */
  readonly source: string;
  /** Only this provider makes the models: they cost the same through a gateway at another address. */
  readonly isEverywhere?: true;
  /** The price of each model. A date or version can follow a name: `gpt-4o-2024-08-06`. */
  readonly models: Readonly<Record<string, Price>>;
}
