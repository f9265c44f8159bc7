import type { Adapter } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { providerFailure, retryAfterOf } from "./failure.ts";

const maxErrorBytes = 64 * 1024;

export function isSuccess({ status }: ProviderResponse): boolean {
  return status >= 200 && status < 300;
}

/** Reads a response that is no success. Returns the error that it stands for. */
export async function refusalOf(
  response: ProviderResponse,
  adapter: Adapter,
  key: string | undefined,
): Promise<AppError> {
  const { status } = response;
  const text = isCompressed(response) ? "" : await response.text(maxErrorBytes).catch(() => "");
  response.cancel();
  const fault = adapter.readError(status, text);
  return providerFailure(
    status,
    fault,
    dialects[adapter.dialect].family,
    key,
    retryAfterOf(response.headers) ?? fault.retryAfter,
  );
}

/** True if a response is called an event stream. Throws AppError if the stream is compressed. */
export function isEventStream(response: ProviderResponse): boolean {
  const type = response.headers.get("content-type")?.toLowerCase();
  if (!type?.startsWith("text/event-stream")) return false;
  refuseCompressed(response);
  return true;
}

/** Throws AppError if a response that passes through is compressed. */
export function refuseCompressed(response: ProviderResponse): void {
  if (!isCompressed(response)) return;
  response.cancel();
  throw new AppError(
    "provider_error",
    "the provider sent a compressed stream, which the server did not ask for",
  );
}

function isCompressed({ headers }: ProviderResponse): boolean {
  return (headers.get("content-encoding") || "identity").toLowerCase() !== "identity";
}
