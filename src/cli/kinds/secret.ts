import type { KindExtension } from "./extension.ts";

export const secret: KindExtension = {
  /** Values are never shown, so a difference shows in the names of the keys: null in `data` removes one. */
  readOnlyAfter(live, { data }): Record<string, unknown> {
    if (typeof data !== "object" || data === null) return {};
    const keys = new Set((live["keys"] as string[] | undefined) ?? []);
    for (const [key, value] of Object.entries(data)) value === null ? keys.delete(key) : keys.add(key);
    return { keys: [...keys].sort() };
  },
};
