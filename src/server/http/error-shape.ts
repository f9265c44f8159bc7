import { type AppError, errorBody } from "../../errors.ts";
import { dialectWires } from "../../wire/dialects/index.ts";

/**
 * The body of an error at a path: under `/v1` as the SDKs that call it read errors, everywhere else as `/api/v1`
 * writes them.
 */
export function errorBodyAt(path: string, error: AppError, requestId: string): object {
  if (!path.startsWith("/v1/")) return errorBody(error, requestId);
  const wire = path.startsWith("/v1/messages") ? dialectWires.messages : dialectWires.chat;
  return wire.errorBody(error, requestId, error.providerType);
}
