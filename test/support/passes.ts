import { vi } from "vitest";

/**
 * Runs a check again until it passes, and returns what it returned. Fails after a minute with the last error: vitest's own
 * limit of one second is over before a busy machine gets there.
 */
export function passes<T>(check: () => T | Promise<T>, interval = 20): Promise<T> {
  return vi.waitFor(check, { timeout: 60_000, interval });
}
