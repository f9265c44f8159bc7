import type { Store } from "../core/store/types.ts";

/** The store of a worker, which has none: its catalogue is a copy, and what it stores goes to the main thread. */
export const noStore = new Proxy({} as Store, {
  get(_, name) {
    if (name === "onDoorbell") return () => () => {};
    throw new TypeError(`a worker does not use the database: ${String(name)}`);
  },
});
