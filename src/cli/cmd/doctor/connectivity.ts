import { AppError } from "../../../errors.ts";
import { textOf } from "../../client/answer-text.ts";
import { type Check, median, span, tenth } from "./check.ts";
import { type ProxyName, recognised } from "./remedies.ts";
import type { Bench } from "./streams.ts";

const rounds = 7;
/** The most bytes that are read of the first response, which is a page if a proxy has made it. */
const mostBytes = 64 * 1024;
/** Time limit in milliseconds for a small response. */
const timeLimit = 10_000;

/** The result of the first request, with the response's headers. */
export interface Contact {
  check: Check;
  /** Undefined if there was no response. */
  headers?: Headers;
}

/** Checks that the server responds. */
export async function checkServer({ client, elapsed, signal }: Bench): Promise<Contact> {
  const name = "server";
  const where = client.endpoint.url;
  const began = elapsed();
  let response: Response;
  try {
    response = await client.probe("GET", "/healthz", {
      bearer: false,
      signal: AbortSignal.any([signal, client.within(timeLimit)]),
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted" || error.code === "usage") throw error;
    const advice = error.hint === undefined ? "" : `; ${error.hint}`;
    return { check: { name, verdict: "fail", detail: `${error.message}${advice}` } };
  }
  const { status, headers } = response;
  const text = await textOf(response, mostBytes).catch(() => "");
  const took = elapsed() - began;
  const figures = { status, firstAnswer: tenth(took) };
  const found = (verdict: Check["verdict"], detail: string, more: Partial<Check> = {}): Contact => ({
    check: { name, verdict, detail, figures, ...more },
    headers,
  });
  if (status === 200 && text === "ok\n")
    return found("ok", `${where} responds; connection and response took ${span(took)}`);
  if (status === 421)
    return found("fail", "the server does not accept the host name of the request (421)", { fault: "host" });
  if (status >= 300 && status < 400) {
    const to = URL.parse(headers.get("location") ?? "", where)?.origin;
    return found("fail", `${where} redirects${to ? ` to ${to}; use that address` : ""}`);
  }
  if (status === 502 || status === 503 || status === 504 || (status >= 520 && status < 527))
    return found("fail", `a proxy responds with ${status}: it cannot reach the server behind it`);
  return found("fail", `the response (${status}) does not come from an mcpctl server`);
}

/** Reads which proxies have added headers to the response. */
export function checkProxies(url: string, headers: Headers): { check: Check; proxies: ProxyName[] } {
  const name = "proxies";
  const proxies = recognised(headers);
  const signs = [...headers]
    .filter(([header]) => /^(server|via|cf-ray|alt-svc|x-(?!request-id$)[\w-]+)$/.test(header))
    .map(([header, value]) => `${header}: ${value.slice(0, 80)}`);
  const unnamed = url.startsWith("unix:")
    ? "none: a Unix socket"
    : "none that adds headers; Traefik, for one, adds none";
  const detail =
    proxies.length > 0 ? `${proxies.join(", ")} (${signs.join("; ")})` : signs.join("; ") || unnamed;
  return { check: { name, verdict: "ok", detail, figures: { proxies: proxies.join(",") } }, proxies };
}

/** Measures the round trip on an open connection. */
export async function checkRoundTrip({ client, elapsed, signal }: Bench): Promise<Check> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = elapsed();
    const response = await client.probe("HEAD", "/healthz", {
      bearer: false,
      signal: AbortSignal.any([signal, client.within(timeLimit)]),
    });
    await response.body?.cancel();
    took.push(elapsed() - began);
  }
  const middle = median(took);
  return {
    name: "round trip",
    verdict: "ok",
    detail: `median ${span(middle)} of ${rounds}, from ${span(Math.min(...took))} to ${span(Math.max(...took))}`,
    figures: {
      median: tenth(middle),
      least: tenth(Math.min(...took)),
      most: tenth(Math.max(...took)),
    },
  };
}
