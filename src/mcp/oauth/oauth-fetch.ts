import { AppError } from "../../errors.ts";
import { isLoopbackHost } from "../../hosts.ts";
import { HttpFailure, type Outbound } from "../../net/outbound.ts";
import { LoginFailure } from "./login-failure.ts";

/** The part of `fetch` that the SDK's functions for OAuth use. */
export type OAuthFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** The most bytes of a response. Metadata and tokens have a few kilobytes. */
const maxResponseBytes = 128 * 1024;
/** Milliseconds: to a connection, to a first byte, between two parts, and for one request in all. */
const timeouts = { connect: 5000, firstByte: 10_000, silence: 5000 };
const longestRequest = 15_000;
/** The most requests of one login: a server must not make mcpctl call others without end. */
const maxRequests = 12;

/**
 * Returns a `fetch` for the metadata and tokens of authorization servers, whose addresses come from somebody else. It
 * takes https alone, but for this machine, follows no redirect, and bounds bytes, time and the number of requests (T195,
 * T196).
 *
 * @param longest milliseconds that one request may take
 */
export function oauthFetch(outbound: Outbound, longest = longestRequest): OAuthFetch {
  let requests = 0;
  return async (target, init = {}) => {
    const url = checkedUrl(target);
    if (++requests > maxRequests) throw new LoginFailure("the login takes too many requests");
    const method = init.method === "POST" ? "POST" : "GET";
    const headers = Object.fromEntries(new Headers(init.headers));
    const late = AbortSignal.timeout(longest);
    const { body } = init;
    try {
      const response = await outbound(url, {
        method,
        headers,
        ...(body !== undefined && body !== null && { body: String(body) }),
        timeouts,
        signal: late,
      });
      const { status } = response;
      if (status >= 300 && status < 400) {
        response.cancel();
        throw new LoginFailure(`${url.host} redirected (${status}); redirects are not followed`);
      }
      const text = await response.text(maxResponseBytes);
      const isEmpty = status === 204 || status === 205;
      const type = response.headers.get("content-type") ?? "";
      return new Response(isEmpty ? null : text, {
        status: status < 200 || status > 599 ? 502 : status,
        headers: { "content-type": type },
      });
    } catch (error) {
      throw failureAt(url, error, late.aborted);
    }
  };
}

/** Returns a URL that may be called for a login. @throws LoginFailure */
export function checkedUrl(target: string | URL): URL {
  const url = URL.parse(String(target));
  const shown = url ? url.host : "an address";
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new LoginFailure(`${shown} is not an https address`);
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname))
    throw new LoginFailure(`${shown} is not https: a login would be readable on the network`);
  if (url.username || url.password) throw new LoginFailure(`the address at ${shown} contains a password`);
  return url;
}

function failureAt(url: URL, cause: unknown, isLate: boolean): Error {
  if (cause instanceof LoginFailure) return cause;
  if (isLate) return new LoginFailure(`${url.host} did not answer in time`, { mayPass: true, cause });
  if (cause instanceof AppError) return new LoginFailure(`${url.host}: ${cause.message}`, { cause });
  if (!(cause instanceof HttpFailure)) return cause as Error;
  if (cause.kind === "too-large")
    return new LoginFailure(`the answer of ${url.host} is over ${maxResponseBytes / 1024} KB`, { cause });
  const refusal = cause.cause;
  if (refusal instanceof AppError) return new LoginFailure(`${url.host}: ${refusal.message}`, { cause });
  return new LoginFailure(`${url.host} cannot be reached`, { mayPass: true, cause });
}
