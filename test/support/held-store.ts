import { openStore } from "../../src/server/core/store/index.ts";
import type { Store, Write } from "../../src/server/core/store/types.ts";
import { prepareDatabase } from "./server.ts";

/** A call of a store that a test holds. */
export interface HeldCall {
  /** Resolves when the call is there. */
  readonly reached: Promise<void>;
  /** Lets it go on. */
  release(): void;
}

type Method =
  | "commit"
  | "loadSome"
  | "passwordHash"
  | "filePart"
  | "orphans"
  | "raiseEpoch"
  | "threadUse"
  | "taskUse"
  | "fileUse"
  | "openBatches"
  | "addTasks"
  | "addBatch"
  | "addFile"
  | "addThread"
  | "addProviderSession"
  | "deleteProviderSession";

/** A store of which a test holds single calls, as a database that answers late does. */
export interface HeldStore {
  store: Store;
  /**
   * Holds the next call of a method that matches.
   *
   * @param when `before` it is made, or `after` it, before its caller gets the answer
   */
  hold(
    method: Method,
    when: "before" | "after",
    matches?: (...args: readonly unknown[]) => boolean,
  ): HeldCall;
}

/** Opens a store in a SQLite file of its own whose calls can be held. */
export async function openHeldStore(): Promise<HeldStore> {
  return heldStore(await openStore({ path: await prepareDatabase(), now: Date.now }));
}

/** Lets a test hold calls of a store, which is changed for that. */
export function heldStore(store: Store): HeldStore {
  return {
    store,
    hold(method, when, matches = () => true) {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      const before = store[method] as (...args: unknown[]) => Promise<unknown>;
      const held = async (...args: unknown[]) => {
        if (!matches(...args)) return before(...args);
        Object.assign(store, { [method]: before });
        const result = when === "after" ? await before(...args) : undefined;
        reached.resolve();
        await released.promise;
        return when === "after" ? result : before(...args);
      };
      Object.assign(store, { [method]: held });
      return { reached: reached.promise, release: released.resolve };
    },
  };
}

/** Matches a commit with an audit event of an action, and of an object's name if one is given. */
export function commits(action: string, name?: string): (...args: readonly unknown[]) => boolean {
  return (writes) =>
    (writes as Write[]).some(
      (write) =>
        write.op === "audit" &&
        write.event.action === action &&
        (name === undefined || write.event.detail?.["name"] === name),
    );
}
