import type { ProviderFault } from "../../adapters/types.ts";
import { AppError, callerLeft } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { systemCodeOf, systemReason } from "../../system-errors.ts";
import { redact } from "../core/redact.ts";

/**
 * Returns the error that a caller sees for a provider's error response: with the same status and message. Status 401
 * and 403 are about the key of this server, not about the caller, and become 502. So does a redirect, which is never
 * followed (T06).
 */
export function providerFailure(
  status: number,
  fault: ProviderFault,
  key: string | undefined,
  retryAfter?: number,
): AppError {
  if (status === 401 || status === 403) {
    return new AppError("provider_rejected_credential", "the provider rejected the credential");
  }
  if (status < 400)
    return new AppError("provider_error", `the provider redirected (${status}); redirects are not followed`);
  const message = redact(fault.message, key);
  const code = status === 429 ? "too_many_requests" : status < 500 ? "invalid_request" : "provider_error";
  return new AppError(code, message, {
    status,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(fault.type && { providerType: redact(fault.type, key) }),
  });
}

/** Returns the error that a caller sees if the provider sent no complete response. */
export function transportFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!(error instanceof HttpFailure)) return new AppError("internal", "the call failed", { cause: error });
  switch (error.kind) {
    case "cancelled":
      return callerLeft(error);
    case "timeout":
      return new AppError("provider_timeout", `the provider took too long: ${error.message}`, {
        cause: error,
      });
    case "connect": {
      const reason = systemReason(error);
      const message = `the provider cannot be reached${reason ? `: ${reason.text}` : ""}`;
      return new AppError("provider_unreachable", message, { cause: error });
    }
    case "refused":
      return new AppError("provider_unreachable", "the provider's address is not allowed", { cause: error });
    case "closed":
      return new AppError(
        "provider_error",
        "the provider closed the connection before its response was complete",
        { cause: error },
      );
    case "malformed":
    case "too-large":
      return new AppError("provider_error", `the provider's response is not usable: ${error.message}`, {
        cause: error,
      });
  }
}

/**
 * Returns the cause of a failed call for the audit log: a code such as `CERT_HAS_EXPIRED`, or the kind of failure. It is
 * for administrators: the caller gets the message of the error.
 */
export function causeOf(error: AppError): string | undefined {
  const code = systemCodeOf(error);
  if (code !== undefined) return code;
  return error.cause instanceof HttpFailure ? `${error.cause.kind}: ${error.cause.message}` : undefined;
}

/** Seconds after which a provider allows a retry: from `retry-after-ms`, or `retry-after` as a number or a date. */
export function retryAfterOf(headers: ReadonlyMap<string, string>): number | undefined {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return Math.max(0, milliseconds / 1000);
  const header = headers.get("retry-after");
  if (header === undefined) return undefined;
  const number = Number(header);
  // A date counts from the provider's own clock, where it sends that: ours may be wrong.
  const sentAt = Date.parse(headers.get("date") ?? "") || Date.now();
  const seconds = Number.isFinite(number) ? number : (Date.parse(header) - sentAt) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
