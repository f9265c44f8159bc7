import type { Adapter } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { inflatedBody } from "../../net/content-encoding.ts";
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
  const text = await wholeBody(response, maxErrorBytes).then(String, () => "");
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

/**
 * Reads a whole body. Some gateways compress what the server asked for uncompressed.
 *
 * @param most the most bytes, compressed as well as decompressed
 * @throws AppError `provider_error`
 */
export async function wholeBody(response: ProviderResponse, most: number): Promise<Buffer> {
  const bytes = await response.bytes(most);
  if (!isCompressed(response)) return bytes;
  const encoding = response.headers.get("content-encoding")!;
  const compressed = {
    headers: new Headers({ "content-encoding": encoding }),
    body: new Response(bytes as Uint8Array<ArrayBuffer>).body,
  };
  const tooLarge = () => new AppError("provider_error", `the provider's response exceeds ${most} bytes`);
  return inflatedBody(compressed, most, tooLarge).catch((error: AppError) => {
    if (error.code === "provider_error") throw error;
    // It would become very many times as large.
    if (error.code === "payload_too_large") throw tooLarge();
    throw new AppError(
      "provider_error",
      `the provider's response is not in its content-encoding, ${encoding}`,
    );
  });
}

function isCompressed({ headers }: ProviderResponse): boolean {
  return (headers.get("content-encoding") || "identity").toLowerCase() !== "identity";
}
