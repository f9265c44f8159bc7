import type { Outbound } from "../../net/outbound.ts";
import { providerUrl } from "../../net/provider-url.ts";

/** An answer: parsed where it is JSON; undefined when there was none. */
export interface ProbeResponse {
  status: number;
  text: string;
  json: unknown;
}

/** Asks a path of one server. Undefined when no answer comes. */
export type Probe = (path: string) => Promise<ProbeResponse | undefined>;

const maxAnswerBytes = 4 * 1024 * 1024;

/**
 * GETs of one server, none of which takes longer than the limit.
 *
 * @param base without `/v1`
 * @param options.signal ends what is under way
 */
export function createProbe(
  outbound: Outbound,
  base: string,
  options: { milliseconds: number; headers?: Record<string, string>; signal?: AbortSignal },
): Probe {
  const { milliseconds, headers = {}, signal } = options;
  const timeouts = { connect: milliseconds, firstByte: milliseconds, silence: milliseconds };
  return async (path) => {
    const limits = [AbortSignal.timeout(milliseconds), ...(signal ? [signal] : [])];
    try {
      const url = providerUrl(base, path);
      const answer = await outbound(url, {
        method: "GET",
        headers,
        timeouts,
        signal: AbortSignal.any(limits),
      });
      const text = await answer.text(maxAnswerBytes);
      return { status: answer.status, text, json: parsed(text) };
    } catch {
      return undefined;
    }
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
