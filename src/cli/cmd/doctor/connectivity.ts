import { AppError } from "../../../errors.ts";
import { type Check, median, span, tenth } from "./check.ts";
import { type ProxyName, recognised } from "./remedies.ts";
import type { Bench } from "./streams.ts";

const rounds = 7;
/** Milliseconds for a small answer. */
const patience = 10_000;

/** The first contact: what came of it, and who is on the way. */
export interface Contact {
  check: Check;
  /** Undefined when nothing answered. */
  headers?: Headers;
}

/** Whether the server answers at all. */
export async function checkServer({ client, elapsed, signal }: Bench): Promise<Contact> {
  const name = "server";
  const where = client.endpoint.url;
  const began = elapsed();
  let response: Response;
  try {
    response = await client.probe("GET", "/healthz", {
      bearer: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted" || error.code === "usage") throw error;
    const code = (error.cause as { code?: unknown } | undefined)?.code;
    const reason = typeof code === "string" && /^[A-Z_]+$/.test(code) ? ` (${code})` : "";
    return { check: { name, verdict: "fail", detail: `${error.message}${reason}` } };
  }
  const { status, headers } = response;
  const text = await response.text().catch(() => "");
  const took = elapsed() - began;
  const figures = { status, firstAnswer: tenth(took) };
  const found = (verdict: Check["verdict"], detail: string, more: Partial<Check> = {}): Contact => ({
    check: { name, verdict, detail, figures, ...more },
    headers,
  });
  if (status === 200 && text === "ok\n")
    return found("ok", `${where} answers, ${span(took)} with the connection`);
  if (status === 421)
    return found("fail", "the server does not know the name it is asked for (421)", { fault: "host" });
  if (status >= 300 && status < 400) {
    const to = URL.parse(headers.get("location") ?? "", where)?.origin;
    return found("fail", `${where} redirects${to ? ` to ${to}: use that` : ""}`);
  }
  if (status === 502 || status === 503 || status === 504 || (status >= 520 && status < 527))
    return found("fail", `a proxy answers ${status}: it does not reach the server behind it`);
  return found("fail", `what answers there (${status}) is no mcpctl server`);
}

/** Who says that it is on the way. */
export function checkProxies(url: string, headers: Headers): { check: Check; proxies: ProxyName[] } {
  const name = "on the way";
  const proxies = recognised(headers);
  const signs = [...headers]
    .filter(([header]) => /^(server|via|cf-ray|alt-svc|x-(?!request-id$)[\w-]+)$/.test(header))
    .map(([header, value]) => `${header}: ${value.slice(0, 80)}`);
  const unnamed = url.startsWith("unix:")
    ? "nobody: a Unix socket"
    : "nobody says so: no proxy, or one that keeps silent as Traefik does";
  const detail =
    proxies.length > 0 ? `${proxies.join(", ")} (${signs.join("; ")})` : signs.join("; ") || unnamed;
  return { check: { name, verdict: "ok", detail, figures: { proxies: proxies.join(",") } }, proxies };
}

/** What there and back takes on a connection that is open. */
export async function checkRoundTrip({ client, elapsed, signal }: Bench): Promise<Check> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = elapsed();
    const response = await client.probe("HEAD", "/healthz", {
      bearer: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
    });
    await response.arrayBuffer();
    took.push(elapsed() - began);
  }
  const middle = median(took);
  return {
    name: "round trip",
    verdict: "ok",
    detail: `${span(middle)} in the middle of ${rounds}, ${span(Math.min(...took))} to ${span(Math.max(...took))}`,
    figures: {
      median: tenth(middle),
      least: tenth(Math.min(...took)),
      most: tenth(Math.max(...took)),
    },
  };
}
