import type { Outbound } from "../../net/outbound.ts";
import { providerUrl } from "../../net/provider-url.ts";
import { parsedObject } from "../../wire/json.ts";

/** A response of a server. `json` is undefined when the text is not a JSON object. */
export interface ProbeResponse {
  status: number;
  text: string;
  json: Readonly<Record<string, unknown>> | undefined;
}

/** Sends a GET to a path of one server. Returns undefined when there is no response. */
export type Probe = (path: string) => Promise<ProbeResponse | undefined>;

const maxAnswerBytes = 4 * 1024 * 1024;

/**
 * Creates a probe of one server.
 *
 * @param base URL of the server without `/v1`
 * @param options.timeout limit of each request, in milliseconds
 */
export function createProbe(
  outbound: Outbound,
  base: string,
  options: {
    timeout: number;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    /** Gets the error of a request without a response. */
    onFailure?(error: unknown): void;
  },
): Probe {
  const { timeout, headers = {}, signal, onFailure } = options;
  const timeouts = { connect: timeout, firstByte: timeout, silence: timeout };
  return async (path) => {
    const limits = [AbortSignal.timeout(timeout), ...(signal ? [signal] : [])];
    try {
      const url = providerUrl(base, path);
      const response = await outbound(url, {
        method: "GET",
        headers,
        timeouts,
        signal: AbortSignal.any(limits),
      });
      const text = await response.text(maxAnswerBytes);
      return { status: response.status, text, json: parsedObject(text) as ProbeResponse["json"] };
    } catch (error) {
      onFailure?.(error);
      return undefined;
    }
  };
}
