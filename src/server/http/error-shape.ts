import { type AppError, errorBody } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { dialectAt } from "../../wire/dialects/operations.ts";

/**
 * Returns the body of an error: under `/v1` in the form of the path's dialect, everywhere else in the form of `/api/v1`.
 */
export function errorBodyAt(path: string, error: AppError, requestId: string): object {
  if (!path.startsWith("/v1/")) return errorBody(error, requestId);
  return dialects[dialectAt(path)].errorBody(error, requestId);
}
