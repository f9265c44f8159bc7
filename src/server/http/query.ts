import { AppError } from "../../errors.ts";

/**
 * Reads a yes or no from a query.
 *
 * @returns false if the parameter is missing
 * @throws AppError `invalid_request` that names the parameter: a misspelt value must not turn a dry run into a write
 */
export function flagIn(query: URLSearchParams, name: string): boolean {
  const text = query.get(name) ?? "false";
  if (text === "true" || text === "false") return text === "true";
  throw new AppError("invalid_request", `${name} must be true or false`, {
    details: [{ path: `?${name}`, message: "must be true or false" }],
  });
}

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
