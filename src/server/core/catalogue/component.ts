import { nextTurn } from "../../../wire/next-turn.ts";
import type { Random } from "../ids.ts";
import type { Component } from "../lifecycle.ts";
import { seed } from "../seed.ts";
import type { Store } from "../store/types.ts";
import { Catalogue } from "./catalogue.ts";

export interface CatalogueOptions {
  store: Store;
  now(): number;
  random: Random;
  /** Gets the errors of refreshes that another server's change caused. */
  onError(error: unknown): void;
}

/** The catalogue, with the rows that are always in it. */
export function catalogueComponent({ store, now, random, onError }: CatalogueOptions): Component<Catalogue> {
  return {
    name: "catalogue",
    async start() {
      const catalogue = await Catalogue.open(store, onError);
      try {
        await nextTurn();
        await seed(catalogue, now, random);
        return catalogue;
      } catch (error) {
        catalogue.close();
        throw error;
      }
    },
    close: (catalogue) => catalogue.close(),
  };
}
