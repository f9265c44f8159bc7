import { type AppError, errorBody } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { dialectAt } from "../../wire/dialects/operations.ts";

/**
 * The body of an error at a path: under `/v1` as the SDKs that call it read errors, everywhere else as `/api/v1`
 * writes them.
 */
export function errorBodyAt(path: string, error: AppError, requestId: string): object {
  if (!path.startsWith("/v1/")) return errorBody(error, requestId);
  const wire = dialects[dialectAt(path)];
  return wire.errorBody(error, requestId, error.providerType);
}
