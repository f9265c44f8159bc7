import { AppError, type ErrorOptions } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";
import { systemReason } from "../../system-errors.ts";

/** Returns an error that may go away by itself, so that the request is retried. The text never quotes the server. */
export function temporary(name: string, text: string, options: ErrorOptions = {}): AppError {
  return new AppError("unavailable", `secret backend "${name}": ${text}`, { retryAfter: 5, ...options });
}

/** Returns an error that somebody has to repair. The text never quotes the server. */
export function permanent(name: string, text: string, options: ErrorOptions = {}): AppError {
  return new AppError("secret_unavailable", `secret backend "${name}": ${text}`, options);
}

/** The parts of an HTTP response that faults are told from. */
export interface RawResponse {
  status: number;
  /** Undefined when it is not a JSON object. */
  body: Readonly<Record<string, unknown>> | undefined;
  /** The start of the body, to search for known words. */
  text: string;
  /** From the `retry-after` header, in seconds. */
  retryAfter?: number;
}

/** Returns the `errors` of a response as one text, to search for known words. It is never shown. */
export function errorsOf(body: Readonly<Record<string, unknown>> | undefined): string {
  const errors = body?.["errors"];
  return Array.isArray(errors) ? errors.filter((one) => typeof one === "string").join("\n") : "";
}

/**
 * Returns the fault of a response that says nothing about the request itself; undefined for 200, 204, 400, 403 and 404
 * in JSON. 412, 472 and 473 are HashiCorp Vault's: https://developer.hashicorp.com/vault/api-docs#http-status-codes
 */
export function faultOfResponse(name: string, response: RawResponse): AppError | undefined {
  const { status, body } = response;
  const later = response.retryAfter === undefined ? {} : { retryAfter: response.retryAfter };
  const pass = (text: string, hint?: string) => temporary(name, text, { ...later, ...(hint && { hint }) });
  if (status >= 300 && status < 400)
    return pass("it is a standby that cannot forward", "use the address of the active node");
  if (!body && status !== 204) return faultOfForeignResponse(name, response, pass);
  const errors = errorsOf(body);
  switch (status) {
    case 200:
    case 204:
    case 403:
    case 404:
      return undefined;
    case 400:
      return errors.includes("Upgrading from non-versioned to versioned")
        ? pass("its engine is being upgraded to KV version 2")
        : undefined;
    case 412:
      return pass("the node that answers is behind the active one");
    case 413:
      return tooLarge(name);
    case 429:
      return pass(
        errors.includes("lease count quota")
          ? "it limits leases: lease count quota exceeded"
          : "it limits requests: rate limit quota exceeded",
      );
    case 472:
      return pass("it is a standby for disaster recovery", "use the address of the active node");
    case 473:
      return pass("it is a standby that cannot forward", "use the address of the active node");
    case 501:
      return permanent(name, "it is not initialised", { hint: "bao operator init" });
    default:
      return status >= 500
        ? faultOfServerError(errors, status, pass)
        : permanent(name, `it answers with status ${status}`);
  }
}

/** Tells the faults behind a 5xx apart, by the texts of OpenBao's packages `consts` and `http`. Vault has the same. */
function faultOfServerError(
  errors: string,
  status: number,
  pass: (text: string, hint?: string) => AppError,
): AppError {
  if (errors.includes("Vault is sealed")) return pass("it is sealed", "bao operator unseal");
  if (errors.includes("namespace is sealed")) return pass("its namespace is sealed", "bao namespace unseal");
  if (errors.includes("has been locked by an administrator")) return pass("its namespace is locked");
  if (errors.includes("no active Vault instance") || errors.includes("node is not active"))
    return pass("it has no active node");
  if (errors.includes("standby mode")) return pass("it is a standby that has not found its active node");
  return pass(`it answers with status ${status}`);
}

/** Returns the fault of a request that is larger than the server or its listener accepts. */
export function tooLarge(name: string): AppError {
  return permanent(name, "the values are larger than it accepts in one request", {
    hint: "32 MiB, unless its listener sets another max_request_size",
  });
}

/** Returns the fault of a response that is not from OpenBao, but from another program or from a proxy before it. */
function faultOfForeignResponse(
  name: string,
  { status, text }: RawResponse,
  pass: (text: string) => AppError,
): AppError {
  if (text.includes("HTTP request to an HTTPS server"))
    return permanent(name, "it speaks https: change its url");
  if (status === 413) return tooLarge(name);
  if (status >= 500 || status === 429)
    return pass(`status ${status} comes from a proxy before it: the response is not JSON`);
  return permanent(name, `the server at its url is not OpenBao: status ${status}, not in JSON`);
}

/**
 * Returns the fault of a request without a response.
 *
 * @param error the error that `Outbound` threw
 * @returns `undone` is true if the server cannot have carried the request out
 */
export function faultOfFailedCall(name: string, error: unknown): { fault: AppError; undone: boolean } {
  if (!(error instanceof HttpFailure)) {
    const why = error instanceof AppError ? `: ${error.message}` : "";
    return { fault: permanent(name, `the request cannot be sent${why}`, { cause: error }), undone: true };
  }
  const pass = (text: string) => temporary(name, text, { cause: error });
  switch (error.kind) {
    case "connect":
      return { fault: faultOfFailedConnection(name, error), undone: true };
    case "refused":
      return {
        fault: permanent(name, "its address is link-local or serves metadata: it is never called"),
        undone: true,
      };
    case "timeout":
    case "cancelled":
      return { fault: pass("it does not answer in time"), undone: false };
    case "closed":
      return { fault: pass("it closes the connection without a response"), undone: false };
    case "too-large":
      return { fault: permanent(name, "its response is too large"), undone: false };
    case "malformed":
      return {
        fault: permanent(name, `the response is not HTTP: ${error.message}`, { cause: error }),
        undone: false,
      };
  }
}

/** Faults of a certificate or a protocol stay until somebody repairs them. */
const lasting = /^(EPROTO$|ERR_TLS|ERR_SSL)|CERT|ISSUER|SIGNATURE|CHAIN|INVALID_|HOSTNAME/;

function faultOfFailedConnection(name: string, failure: HttpFailure): AppError {
  const { code, text, hint } = systemReason(failure) ?? {};
  if (code === undefined || text === undefined)
    return temporary(name, "no connection can be made", { cause: failure });
  if (!lasting.test(code)) return temporary(name, text, { cause: failure });
  const isUnknownAuthority = /SELF_SIGNED|ISSUER|VERIFY_LEAF|UNTRUSTED/.test(code);
  const advice = isUnknownAuthority ? "give the CA that signed it as caCert" : hint;
  return permanent(name, text, { cause: failure, ...(advice !== undefined && { hint: advice }) });
}
