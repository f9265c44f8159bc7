import type { ProviderFault } from "../../adapters/types.ts";
import { AppError, callerLeft, type ProviderError } from "../../errors.ts";
import type { HeaderFields } from "../../net/http1/header-lines.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { systemCodeOf, systemReason } from "../../system-errors.ts";
import { retryAfterIn, retryAfterSeconds } from "../../time.ts";
import { redact } from "../core/redact.ts";

/**
 * Returns the error that a caller sees for a provider's error response: with the same status and message, and for callers
 * of the same family of dialects with the same fields. An error about the key of this server is not the caller's and
 * becomes 502. So does a redirect, which is never followed (T06), and a status that HTTP does not have.
 *
 * @param family the family of the provider's dialect
 * @param headers the headers of its response that the caller gets
 */
export function providerFailure(
  status: number,
  fault: ProviderFault,
  family: ProviderError["family"],
  key: string | undefined,
  retryAfter = fault.retryAfter,
  headers: Readonly<Record<string, string>> = {},
): AppError {
  const { meaning } = fault;
  if (meaning?.is === "credential" || status === 401) {
    if (meaning?.is !== "no_model")
      return new AppError("provider_rejected_credential", credentialText(key), {
        cause: redact(fault.message, key),
        provider: { family, meaning: { is: "credential" }, fields: {} },
      });
  }
  if (status > 599) return new AppError("provider_error", `the provider answered with status ${status}`);
  if (status < 400)
    return new AppError("provider_error", `the provider redirected (${status}); redirects are not followed`);
  const message = redact(fault.message, key);
  if (status === 508) return new AppError("loop_detected", message);
  const isRefusal = statusFor(status, fault) < 500;
  const code = status === 429 ? "too_many_requests" : isRefusal ? "invalid_request" : "provider_error";
  return new AppError(code, message, {
    status: statusFor(status, fault),
    ...(retryAfter !== undefined && { retryAfter }),
    provider: {
      family,
      ...(fault.type && { type: redact(fault.type, key) }),
      ...(meaning && { meaning }),
      headers,
      fields: withoutKeys(fault.fields ?? {}, key) as Record<string, unknown>,
    },
  });
}

function credentialText(key: string | undefined): string {
  return key === undefined
    ? "the provider wants a key, and this llm has none"
    : "the provider rejected the credential";
}

/** Returns the status that a caller gets for the status of a provider. */
function statusFor(status: number, { meaning }: ProviderFault): number {
  // A client would repeat a call that can never succeed.
  if (meaning?.is === "unsupported_input" || (meaning?.is === "overflow" && status >= 500)) return 400;
  // A caller would take 401 for a fault of its own token.
  return status === 401 ? 404 : status;
}

/** Returns a copy of a provider's error object in which no text contains a key. Its depth is bounded. */
function withoutKeys(value: unknown, key: string | undefined): unknown {
  if (typeof value === "string") return redact(value, key);
  if (Array.isArray(value)) return value.map((one) => withoutKeys(one, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutKeys(one, key)]));
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
      if (error.cause instanceof AppError && error.cause.code === "loop_detected") return error.cause;
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

/** Seconds after which a provider allows a retry, one hour at most: from `retry-after-ms` or `retry-after`. */
export function retryAfterOf(headers: HeaderFields): number | undefined {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (!Number.isNaN(milliseconds)) return retryAfterSeconds(Math.max(0, milliseconds / 1000));
  return retryAfterIn(headers.get("retry-after"), headers.get("date"));
}
