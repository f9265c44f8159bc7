import { type AppError, errorBody } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { dialectOf } from "./unknown-path.ts";

/**
 * Returns the body of an error: in the form of the path's dialect for calls of models, also at a wrong base URL;
 * everywhere else in the form of `/api/v1`.
 */
export function errorBodyAt(path: string, error: AppError, requestId: string): object {
  const dialect = dialectOf(path);
  return dialect === undefined ? errorBody(error, requestId) : dialects[dialect].errorBody(error, requestId);
}
