import { AppError, codeOfStatus, type ErrorCode, type Fault, isErrorCode } from "../../errors.ts";
import { isObject } from "../../wire/json.ts";
import { textOf } from "./answer-text.ts";

/** The most bytes that are read of an error: a proxy may answer with a page. */
const mostBytes = 256 * 1024;
const longestText = 2_000;
const mostFaults = 100;
/** The longest time in seconds that a server may ask to wait before the next attempt. */
const longestWait = 600;
/** Codes that only the command line uses: from a server they would change what is printed, or print nothing. */
const ownCodes: readonly string[] = ["usage", "connection_failed", "timed_out", "interrupted"];

/**
 * Returns the error that a response carries. A body that is no error of the server (a proxy's page) becomes one line.
 *
 * @param proxy the proxy to the server: `proxy:3128`
 */
export async function answerError(response: Response, proxy?: string): Promise<AppError> {
  const { status } = response;
  const retryAfter = waitIn(response.headers.get("retry-after"));
  const text = (await textOf(response, mostBytes)) ?? "";
  const body = parsed(text);
  // Under /v1 errors have the shape that SDKs expect.
  const error = isObject(body?.["error"]) ? body["error"] : body;
  const message = error === body ? body?.["error"] : error?.["message"];
  const requestId = requestIdOf(response);
  const common = {
    status,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(requestId !== undefined && { requestId }),
  };
  if (typeof message === "string") {
    const hint = body?.["hint"];
    const details = faultsIn(body?.["details"]);
    return new AppError(codeIn(error?.["code"], codeOfStatus(status)), message.slice(0, longestText), {
      ...common,
      ...(typeof hint === "string" && { hint: hint.slice(0, longestText) }),
      ...(details && { details }),
    });
  }
  if (status >= 300 && status < 400) return redirected(response);
  const who = proxy === undefined ? "the server" : `the server or the proxy ${proxy}`;
  const line = `${who} responded with ${status} ${response.statusText.slice(0, 100)}`.trim();
  return new AppError(codeOfStatus(status), line, {
    ...common,
    ...(proxy !== undefined && { hint: "to call the server directly, add its host to NO_PROXY" }),
    // The words of nginx and of Go.
    ...(/plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/.test(text) && {
      hint: "the server speaks TLS there: write https:// instead of http://",
    }),
  });
}

/** The id that a server gave to a request; undefined for a response without one, such as the page of a proxy. */
function requestIdOf({ headers }: Response): string | undefined {
  const id = headers.get("x-request-id") ?? "";
  return /^req_[a-z0-9]{1,60}$/.test(id) ? id : undefined;
}

/** The code that a server has sent, if it is one that servers send; otherwise another one. */
export function codeIn(code: unknown, otherwise: ErrorCode): ErrorCode {
  return isErrorCode(code) && !ownCodes.includes(code) ? code : otherwise;
}

function redirected({ status, headers, url }: Response): AppError {
  const to = URL.parse(headers.get("location") ?? "", url);
  return new AppError("invalid_request", `the server redirected (${status}); redirects are not followed`, {
    status,
    ...(to && /^https?:$/.test(to.protocol) && { hint: `if you trust that address: --server ${to.origin}` }),
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The faults of an error; undefined if it has none that can be read. */
function faultsIn(details: unknown): Fault[] | undefined {
  if (!Array.isArray(details)) return undefined;
  const faults = details.slice(0, mostFaults).flatMap((fault: unknown) => {
    if (!isObject(fault) || typeof fault["message"] !== "string") return [];
    const path = typeof fault["path"] === "string" ? fault["path"] : "";
    return [{ path: path.slice(0, longestText), message: fault["message"].slice(0, longestText) }];
  });
  return faults.length > 0 ? faults : undefined;
}

/** Seconds of a `retry-after` header. */
function waitIn(header: string | null): number | undefined {
  const seconds = Number(header ?? "");
  return seconds > 0 ? Math.min(seconds, longestWait) : undefined;
}
