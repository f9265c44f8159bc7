import type { Adapter } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { parseExact } from "../../wire/json.ts";
import { providerFailure, retryAfterOf } from "./failure.ts";

const maxErrorBytes = 64 * 1024;

/** Throws AppError unless the status of the response is a success. */
export async function refuseFailure(
  response: ProviderResponse,
  adapter: Adapter,
  key: string | undefined,
): Promise<void> {
  const { status } = response;
  if (status >= 200 && status < 300) return;
  const text = isCompressed(response) ? "" : await response.text(maxErrorBytes).catch(() => "");
  response.cancel();
  const fault = adapter.readError(status, text);
  throw providerFailure(
    status,
    fault,
    dialects[adapter.dialect].family,
    key,
    retryAfterOf(response.headers) ?? fault.retryAfter,
  );
}

/** True if a response is an event stream. Throws AppError if the stream is compressed. */
export function isEventStream(response: ProviderResponse): boolean {
  const type = response.headers.get("content-type")?.toLowerCase();
  if (!type?.startsWith("text/event-stream")) return false;
  if (!isCompressed(response)) return true;
  response.cancel();
  throw new AppError(
    "provider_error",
    "the provider sent a compressed stream, which the server did not ask for",
  );
}

function isCompressed({ headers }: ProviderResponse): boolean {
  return (headers.get("content-encoding") || "identity").toLowerCase() !== "identity";
}

/**
 * Parses the body of a response. Throws AppError `provider_error` if it is not JSON.
 *
 * @param exact keeps the digits of long integers, for a translation; not needed to read the usage
 */
export function parseBody(text: string, exact: boolean): unknown {
  try {
    return exact ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    throw new AppError("provider_error", "the provider's response is not JSON", {
      cause: (error as Error).name,
    });
  }
}
