import { parsedAnswer } from "../../client/answer-text.ts";
import type { ApiClient } from "../../client/client.ts";
import { eventsOf, isTransient, type Pause, reconnecting } from "../../client/reconnect.ts";
import { eventId } from "../../client/watch.ts";
import { type ApiAuditEvent, auditEvent } from "./cells.ts";

/**
 * Yields audit events as they are committed, after the newest there are. After a lost connection it continues after
 * the last event that came.
 *
 * @param query filters of `GET /api/v1/audit`
 * @throws AppError if the first connection fails, or a later one for a reason that will not pass; `interrupted`
 */
export function followAudit(
  client: ApiClient,
  query: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  pause: Pause,
): AsyncGenerator<ApiAuditEvent> {
  let after: string | undefined;
  let isConnected = false;
  async function* connect(onEvent: () => void): AsyncGenerator<ApiAuditEvent> {
    const response = await client.stream("GET", "/api/v1/audit", {
      query: { ...query, watch: "1", after },
      signal,
    });
    isConnected = true;
    for await (const { event, id, data } of eventsOf(response, signal)) {
      onEvent();
      if (id !== undefined) after = eventId(id);
      if (event === "audit") yield parsedAnswer(data, auditEvent);
    }
  }
  return reconnecting(connect, { signal, pause, isRetried: (error) => isConnected && isTransient(error) });
}
