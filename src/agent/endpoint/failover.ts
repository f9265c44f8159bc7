import { isName } from "../../kinds/names.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { LocalProvider, Providers } from "../core/provider.ts";
import type { LocalRequest } from "./local-request.ts";

/** Statuses with which the server reports that it cannot get a response: a provider of this machine may respond then. */
export const failing: ReadonlySet<number> = new Set([502, 503, 504]);

/** The longest that the check of the caller's right may take, in milliseconds. */
const probeMs = 2000;

/** Returns the provider with `failoverFor` this llm. */
export function standIn({ all }: Providers, llm: string): LocalProvider | undefined {
  return all.find(({ config, runtime }) => config.failoverFor === llm && runtime.state !== "inactive");
}

/**
 * Asks the server whether a caller may use an llm at this moment, with the caller's own bearer and no other. Anything but
 * a clear yes is a no. No result is kept, so that a right that was taken away has no effect at once.
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
    const response = await outbound(new URL(`/api/v1/llms/${llm}`, server), {
      method: "HEAD",
      headers: Object.fromEntries(credentials.map((name) => [name, headers[name]!])),
      timeouts: { connect: probeMs, firstByte: probeMs, silence: probeMs },
      signal: AbortSignal.any([signal, AbortSignal.timeout(probeMs)]),
    });
    response.cancel();
    return response.status === 200 || response.status === 204;
  } catch {
    return false;
  }
}
