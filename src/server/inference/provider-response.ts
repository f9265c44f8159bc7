import type { Adapter } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { parseExact } from "../../wire/json.ts";
import { providerFailure, retryAfterOf } from "./failure.ts";

const maxErrorBytes = 64 * 1024;

/** Throws AppError unless the provider answered with a success. */
export async function refuseFailure(
  exchange: ProviderResponse,
  adapter: Adapter,
  key: string | undefined,
): Promise<void> {
  const { status } = exchange;
  if (status >= 200 && status < 300) return;
  const text = isCompressed(exchange) ? "" : await exchange.text(maxErrorBytes).catch(() => "");
  exchange.cancel();
  const fault = adapter.readError(status, text);
  throw providerFailure(status, fault, key, retryAfterOf(exchange.headers));
}

/** Whether an answer comes as events. Throws AppError where they cannot be read. */
export function isEventStream(exchange: ProviderResponse): boolean {
  const type = exchange.headers.get("content-type")?.toLowerCase();
  if (!type?.startsWith("text/event-stream")) return false;
  if (!isCompressed(exchange)) return true;
  exchange.cancel();
  throw new AppError("provider_error", "the provider's answer is compressed, which nobody asked for");
}

function isCompressed({ headers }: ProviderResponse): boolean {
  return (headers.get("content-encoding") || "identity").toLowerCase() !== "identity";
}

/** What is translated keeps the digits of long integers; what is only looked at for its usage need not. */
export function parseAnswer(text: string, exact: boolean): unknown {
  try {
    return exact ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    throw new AppError("provider_error", "the provider's answer is not JSON", {
      cause: (error as Error).name,
    });
  }
}
