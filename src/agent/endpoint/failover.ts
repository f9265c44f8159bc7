import { isName } from "../../kinds/names.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { LocalProvider, Providers } from "../core/provider.ts";
import type { LocalRequest } from "./local-request.ts";

/** What the server may answer when it cannot have a call answered itself: then somebody else may. */
export const failing: ReadonlySet<number> = new Set([502, 503, 504]);

/** How long the server may take to say whether the caller may use the llm, in milliseconds. */
const probeMs = 2000;

/** The provider that stands in for an llm; undefined when none does. */
export function standIn({ all }: Providers, llm: string): LocalProvider | undefined {
  return all.find(({ config, runtime }) => config.failoverFor === llm && runtime.state !== "inactive");
}

/**
 * Whether a caller may use an llm, as the server says at this moment, asked with the caller's own bearer and nobody
 * else's. Whatever is not a plain yes is a no, and no answer is kept: rights that were taken away are gone at once.
 */
export async function mayUse(
  llm: string,
  { headers, signal }: LocalRequest,
  server: string,
  outbound: Outbound,
): Promise<boolean> {
  const credentials = ["authorization", "x-api-key"].filter((name) => headers[name] !== undefined);
  if (!isName(llm) || credentials.length === 0) return false;
  try {
    const answer = await outbound(new URL(`/api/v1/llms/${llm}`, server), {
      method: "HEAD",
      headers: Object.fromEntries(credentials.map((name) => [name, headers[name]!])),
      timeouts: { connect: probeMs, firstByte: probeMs, silence: probeMs },
      signal: AbortSignal.any([signal, AbortSignal.timeout(probeMs)]),
    });
    answer.cancel();
    return answer.status === 200 || answer.status === 204;
  } catch {
    return false;
  }
}
