import { headersNaming } from "../../net/http1/header-lines.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import { redact } from "../core/redact.ts";

/** The headers of a provider that callers get: the limits of its account, by which their SDKs slow down (case 163). */
const passedName = /^(?:x-|anthropic-)?ratelimit(?:-[a-z0-9]+)*$/;

const longestValue = 200;
const mostHeaders = 40;

type Headers = Readonly<Record<string, string>>;
const none: Headers = {};

/** The options of every answer in JSON. */
export const jsonHeaders = { headers: { "content-type": "application/json" } };

/** The limits in headers. A connection has the same headers for responses with the same head. */
const limitsIn = oncePerObject((headers: ProviderResponse["headers"]): readonly [string, string][] =>
  headersNaming(headers, "ratelimit")
    .filter(([name]) => passedName.test(name))
    .filter(([, value]) => value.length <= longestValue && /^[\x20-\x7e]*$/.test(value))
    .slice(0, mostHeaders),
);

/** Returns the headers of a provider's response that tell the limits of its account. */
export function limitHeaders({ headers }: ProviderResponse, key: string | undefined): Headers {
  const limits = limitsIn(headers);
  return limits.length === 0 ? none : redacted(limits, key);
}

function redacted(limits: readonly [string, string][], key: string | undefined): Headers {
  return Object.fromEntries(limits.map(([name, value]) => [name, redact(value, key)]));
}

/**
 * Returns the options of an answer with more headers: the fields of the request that were left out, and the provider's
 * limits. The same options where there is none.
 *
 * @param limits none for a persona, whose provider is nobody's business
 */
export function withAnswerHeaders(
  options: { headers: Headers },
  dropped: readonly string[],
  limits: Headers,
): { headers: Headers } {
  if (dropped.length === 0 && limits === none) return options;
  const named = dropped.length > 0 && { "x-mcpctl-dropped": dropped.join(", ") };
  return { headers: { ...options.headers, ...limits, ...named } };
}

/** The limits of no provider. */
export { none as noLimits };
