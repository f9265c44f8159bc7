import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../../errors.ts";
import { SseParser } from "../../../wire/sse.ts";
import type { ApiClient } from "../../client/client.ts";
import type { AuditEvent } from "./cells.ts";

/** Full jitter between nothing and half a minute, so that a restarted server is not met by all at once. */
export function backoff(attempt: number, signal: AbortSignal): Promise<void> {
  const limit = Math.min(30_000, 500 * 2 ** attempt);
  return delay(Math.random() * limit, undefined, { signal });
}

/**
 * Events as they are committed, after the newest there are. A connection that is lost is taken up behind the last event
 * that came.
 *
 * @param query filters of `GET /api/v1/audit`
 * @param pause waits before the next attempt to connect; `attempt` counts from 0
 * @throws AppError when the first connection fails, or a later one for a reason that will not pass; `interrupted`
 */
export async function* followAudit(
  client: ApiClient,
  query: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  pause: (attempt: number, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<AuditEvent> {
  let after: string | undefined;
  let connected = false;
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await client.raw("GET", "/api/v1/audit", {
        query: { ...query, watch: "1", after },
        signal,
      });
      connected = true;
      for await (const { event, id, data } of eventsOf(response, signal)) {
        attempt = 0;
        if (id !== undefined) after = id;
        if (event === "audit") yield JSON.parse(data) as AuditEvent;
      }
    } catch (error) {
      if (!(error instanceof AppError) || signal.aborted) throw error;
      if (!connected || !passes(error)) throw error;
    }
    await pause(attempt, signal).catch(() => {
      throw new AppError("interrupted", "interrupted");
    });
  }
}

async function* eventsOf(response: Response, signal: AbortSignal) {
  const parser = new SseParser();
  try {
    for await (const bytes of response.body ?? []) yield* parser.push(bytes);
  } catch (cause) {
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    // The connection was cut; whoever reads on will find out whether it comes back.
  }
}

function passes(error: AppError): boolean {
  return error.code === "connection_failed" || error.status >= 500 || error.code === "too_many_requests";
}
