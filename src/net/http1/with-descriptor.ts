import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { systemCodeOf } from "../../system-errors.ts";

/** Milliseconds between two attempts. */
const pause = 20;
/** Attempts before the reason is given. */
const attempts = 50;

/**
 * Opens a connection, and waits up to a second for a descriptor if this process has none left: a server that is short of
 * descriptors frees some at once (failure mode 78). Bun reports such a connection as refused.
 *
 * @throws the error of `open`, or the error `EMFILE` of the system
 */
export async function withDescriptor<Opened>(open: () => Promise<Opened>): Promise<Opened> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      const shortage = descriptorShortage();
      if (shortage === undefined) throw error;
      if (attempt === attempts) throw shortage;
      await delay(pause);
    }
  }
}

/** Returns the error of the system if no descriptor can be opened. */
function descriptorShortage(): unknown {
  try {
    closeSync(openSync(devNull, "r"));
    return undefined;
  } catch (error) {
    return ["EMFILE", "ENFILE"].includes(systemCodeOf(error) ?? "") ? error : undefined;
  }
}
