import { AppError } from "../../errors.ts";
import { serverPrincipal } from "../core/access/policy.ts";
import type { SecretBackendRow } from "../core/store/typed-rows.ts";
import { hasToken, type RotateOptions, rotateToken } from "./rotate-token.ts";

const hour = 60 * 60 * 1000;
const day = 24 * hour;

/**
 * Returns a function, to be called regularly, that replaces the tokens of backends: once a day, and an hour after a
 * failure. A token that cannot be replaced is left alone.
 *
 * @param random returns a number from 0 to 1, so that servers with one database do not all begin at once
 */
export function rotationTimer(
  options: RotateOptions & { requestId(): string; onFailure(backend: string, error: unknown): void },
  random: () => number,
): () => Promise<void> {
  const { catalogue, now, requestId, onFailure } = options;
  const jitter = random() * 2 * hour;
  /** Configs of backends whose token cannot be replaced. */
  const irreplaceable = new WeakSet<object>();

  /** True if a time is that long ago. A time far in the future was stored before the clock was set back (T91). */
  const isPast = (at: number, milliseconds: number) => {
    const passed = now() - at;
    return passed >= milliseconds || passed < -hour;
  };
  const isDue = ({ status, createdAt }: SecretBackendRow): boolean => {
    const { rotatedAt, failedAt } = status.rotation ?? {};
    if (failedAt && !isPast(Date.parse(failedAt), hour)) return false;
    return isPast(rotatedAt ? Date.parse(rotatedAt) : createdAt, day + jitter);
  };

  return async () => {
    for (const backend of catalogue.snapshot.table("secretbackend").sorted) {
      const { config } = backend.spec;
      if (!hasToken(backend) || irreplaceable.has(config) || !isDue(backend)) continue;
      try {
        await rotateToken(backend.id, { principal: serverPrincipal, requestId: requestId() }, options);
      } catch (error) {
        if (error instanceof AppError && error.code === "not_supported") irreplaceable.add(config);
        else onFailure(backend.name, error);
      }
    }
  };
}
