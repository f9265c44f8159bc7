import { AppError } from "../../errors.ts";

/**
 * Reads a whole number of at least 0 from a query.
 *
 * @returns undefined if the parameter is missing
 * @throws AppError `invalid_request` that names the parameter
 */
export function wholeNumberIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AppError("invalid_request", `${name} must be a whole number`, {
    details: [{ path: `?${name}`, message: "must be a whole number" }],
  });
}
