import { AppError } from "../../errors.ts";
import { parseExact } from "../../wire/json.ts";

/**
 * Parses the answer of a provider. Throws AppError `provider_error` if it is not JSON.
 *
 * @param exact keeps the digits of long integers, for a translation; not needed to read the usage
 */
export function parseAnswer(text: string, exact: boolean): unknown {
  try {
    return exact ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    throw new AppError("provider_error", "the provider's response is not JSON", {
      cause: (error as Error).name,
    });
  }
}
