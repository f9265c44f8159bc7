import { didYouMean } from "../../../kinds/names.ts";
import type { SecretRow } from "../store/typed-rows.ts";

/** The most keys of a secret that a fault lists. */
const mostListed = 3;

/**
 * Returns the fault of a reference to a key that a secret lacks, with the nearest key or the few that there are; undefined
 * if the secret has the key. For callers that may use the values of the secret.
 */
export function missingKey(secret: Pick<SecretRow, "name" | "status">, key: string): string | undefined {
  const { keys } = secret.status;
  if (keys.includes(key)) return undefined;
  const message = `secret "${secret.name}" has no key "${key}"`;
  const near = didYouMean(key, keys);
  if (near !== undefined) return `${message}; ${near}`;
  if (keys.length === 0 || keys.length > mostListed) return message;
  return `${message}; it has ${keys.map((one) => `"${one}"`).join(", ")}`;
}
