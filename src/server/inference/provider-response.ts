import { limitResetIn } from "../../adapters/retry-time.ts";
import type { Adapter } from "../../adapters/types.ts";
import type { AppError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { retryAfterSeconds } from "../../time.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { limitHeaders } from "./answer-headers.ts";
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
  const text = await response.text(maxErrorBytes).catch(() => "");
  response.cancel();
  const fault = adapter.readError(status, text);
  return providerFailure(
    status,
    fault,
    dialects[adapter.dialect].family,
    key,
    retryAfterOf(response.headers) ??
      fault.retryAfter ??
      (status === 429 ? resetOf(response.headers) : undefined),
    limitHeaders(response, key),
  );
}

function resetOf(headers: ProviderResponse["headers"]): number | undefined {
  return retryAfterSeconds(limitResetIn(headers));
}

/** True if a response is called an event stream. */
export function isEventStream({ headers }: ProviderResponse): boolean {
  return headers.get("content-type")?.toLowerCase().startsWith("text/event-stream") === true;
}
