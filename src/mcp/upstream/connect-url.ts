import type { EndSignal } from "../../end-signal.ts";
import { legacyRevisions } from "../revisions.ts";
import { McpFailure } from "../rpc-error.ts";
import { greeted } from "./greeted.ts";
import { type HttpServerOptions, HttpWire } from "./http-wire.ts";
import { openSseWire } from "./sse-wire.ts";
import type { GreetingOptions, Upstream } from "./upstream.ts";
import type { WireEvents } from "./wire.ts";

export interface UrlServer extends HttpServerOptions {
  /** The transport that it speaks; found by trying if it is left out. */
  transport?: string | undefined;
}

/**
 * Connects to a server elsewhere and greets it.
 *
 * @throws McpFailure, RpcError
 */
export async function connectUrl(
  server: UrlServer,
  options: GreetingOptions & { signal: EndSignal },
  events: WireEvents,
): Promise<Upstream> {
  const overSse = async () => {
    const wire = await openSseWire(server, events, options.signal);
    return greeted(wire, { ...options, revision: legacyRevisions[0] });
  };
  if (server.transport === "sse") return overSse();
  // A wire that was only tried must not report its end.
  let isUsed = false;
  const onClose = (reason: Error) => isUsed && events.onClose(reason);
  try {
    const upstream = await greeted(new HttpWire(server, { ...events, onClose }), options);
    isUsed = true;
    return upstream;
  } catch (error) {
    if (server.transport !== undefined || !isOlderAnswer(error)) throw error;
    return await overSse().catch(() => {
      throw error;
    });
  }
}

/** True if the failure can be that of a server which knows HTTP with events only: it refuses a POST to that address. */
function isOlderAnswer(error: unknown): boolean {
  if (!(error instanceof McpFailure) || error.kind !== "refused") return false;
  const { status = 0 } = error;
  return status >= 400 && status < 500 && ![401, 403, 429].includes(status);
}
