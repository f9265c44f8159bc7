import { AppError, type ErrorOptions } from "../../errors.ts";
import { HttpFailure } from "../../net/outbound.ts";

/** What may pass by itself, and is tried again. The text is ours: nothing that a server said is in it. */
export function passing(name: string, text: string, options: ErrorOptions = {}): AppError {
  return new AppError("unavailable", `secret backend "${name}": ${text}`, { retryAfter: 5, ...options });
}

/** What somebody has to mend. */
export function lasting(name: string, text: string, options: ErrorOptions = {}): AppError {
  return new AppError("secret_unavailable", `secret backend "${name}": ${text}`, options);
}

/** What a server said, as far as it is looked at. */
export interface Said {
  status: number;
  /** Undefined when it is not a JSON object. */
  body: Readonly<Record<string, unknown>> | undefined;
  /** The start of the body, to look for known words in. */
  text: string;
  /** From the `retry-after` header, in seconds. */
  retryAfter?: number;
}

/** The `errors` of an answer as one text, to look for known words in and never to show. */
export function errorsOf(body: Readonly<Record<string, unknown>> | undefined): string {
  const errors = body?.["errors"];
  return Array.isArray(errors) ? errors.filter((one) => typeof one === "string").join("\n") : "";
}

/**
 * What is wrong when an answer is none that a request can be judged by; undefined for 200, 204, 400, 403 and 404 in
 * JSON. 412, 472 and 473 are HashiCorp Vault's: https://developer.hashicorp.com/vault/api-docs#http-status-codes
 */
export function faultOfAnswer(name: string, said: Said): AppError | undefined {
  const { status, body } = said;
  const later = said.retryAfter === undefined ? {} : { retryAfter: said.retryAfter };
  const pass = (text: string, hint?: string) => passing(name, text, { ...later, ...(hint && { hint }) });
  if (status >= 300 && status < 400)
    return pass("it is a standby that cannot forward", "use the address of the active node");
  if (!body && status !== 204) return faultOfOther(name, said, pass);
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
      return lasting(name, "it is not initialised", { hint: "bao operator init" });
    default:
      return status >= 500
        ? faultOfServer(errors, status, pass)
        : lasting(name, `it answers with status ${status}`);
  }
}

/** What it says with a 5xx: the texts are those of OpenBao's `consts` and `http` packages, the same in Vault. */
function faultOfServer(
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

/** The request was larger than the server or the listener takes. */
export function tooLarge(name: string): AppError {
  return lasting(name, "the values are more than it takes in one request", {
    hint: "32 MiB, unless its listener sets another max_request_size",
  });
}

/** What answers is no OpenBao, or something in front of it. */
function faultOfOther(name: string, { status, text }: Said, pass: (text: string) => AppError): AppError {
  if (text.includes("HTTP request to an HTTPS server"))
    return lasting(name, "it speaks https: change its url");
  if (status === 413) return tooLarge(name);
  if (status >= 500 || status === 429)
    return pass(`status ${status} comes from something before it: the answer is not JSON`);
  return lasting(name, `what answers there is not an OpenBao: status ${status}, and not in JSON`);
}

/**
 * What is wrong when there is no answer, and whether the server may have done what it was asked.
 *
 * @param error what the call of `Outbound` threw
 */
export function faultOfCall(name: string, error: unknown): { fault: AppError; undone: boolean } {
  if (!(error instanceof HttpFailure)) {
    const why = error instanceof AppError ? `: ${error.message}` : "";
    return { fault: lasting(name, `the request cannot be sent${why}`, { cause: error }), undone: true };
  }
  const pass = (text: string) => passing(name, text, { cause: error });
  switch (error.kind) {
    case "connect":
      return { fault: faultOfConnecting(name, error), undone: true };
    case "refused":
      return {
        fault: lasting(name, "its address is link-local or serves metadata: it is never called"),
        undone: true,
      };
    case "timeout":
    case "cancelled":
      return { fault: pass("it does not answer in time"), undone: false };
    case "closed":
      return { fault: pass("it closes the connection without an answer"), undone: false };
    case "too-large":
      return { fault: lasting(name, "its answer is too large"), undone: false };
    case "malformed":
      return { fault: lasting(name, "what answers there does not speak HTTP"), undone: false };
  }
}

function faultOfConnecting(name: string, failure: HttpFailure): AppError {
  const { code = "" } = (failure.cause ?? {}) as { code?: string };
  if (code === "ECONNREFUSED") return passing(name, "the connection is refused", { cause: failure });
  if (code.startsWith("DNS_")) return passing(name, "the name in its url is not found", { cause: failure });
  if (code === "EPROTO") return lasting(name, "it does not speak TLS there", { cause: failure });
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return lasting(name, "its certificate is for another name", { hint: "use a name in it as the url" });
  if (code === "CERT_HAS_EXPIRED") return lasting(name, "its certificate has expired");
  if (code === "CERT_NOT_YET_VALID") return lasting(name, "its certificate is not valid yet");
  if (/CERT|ISSUER|SIGNATURE|CHAIN/.test(code))
    return lasting(name, "its certificate is not trusted", { hint: "give the CA that signed it as caCert" });
  return passing(name, "no connection can be made", { cause: failure });
}
