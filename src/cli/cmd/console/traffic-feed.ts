import { AppError } from "../../../errors.ts";
import { project as projectKind } from "../../../kinds/project.ts";
import { parsedAnswer } from "../../client/answer-text.ts";
import type { ApiClient } from "../../client/client.ts";
import { objectPath } from "../../client/objects.ts";
import { backoffPause, eventsOf, isTransient, reconnecting } from "../../client/reconnect.ts";
import { type TrafficItem, trafficItem, trafficState } from "./traffic-item.ts";

/** An event of the server: a message, the state of the recording, or that some messages are missing. */
export type TrafficEvent =
  | { kind: "message"; item: TrafficItem }
  | { kind: "state"; traffic: string; node: string; severalNodes: boolean }
  | { kind: "gap" }
  | { kind: "lost"; reason: string };

/**
 * Follows everybody's messages of a project. After a lost connection it goes on behind the last message that came.
 *
 * @throws AppError at once if the caller may not, or the project is not there
 */
export async function* followTraffic(
  client: ApiClient,
  project: string,
  { signal, tail }: { signal: AbortSignal; tail: number },
): AsyncGenerator<TrafficEvent> {
  const path = `${objectPath(projectKind, project)}/traffic`;
  let last: number | undefined;
  let isConnected = false;
  let lost: TrafficEvent | undefined;
  async function* connect(onEvent: () => void): AsyncGenerator<TrafficEvent> {
    if (lost) {
      yield lost;
      lost = undefined;
    }
    const query = last === undefined ? { tail: String(tail) } : { after: String(last) };
    const response = await client.stream("GET", path, { query, signal });
    isConnected = true;
    for await (const { event, data } of eventsOf(response, signal)) {
      onEvent();
      if (event === "state") yield { kind: "state", ...parsedAnswer(data, trafficState) };
      else if (event === "gap") yield { kind: "gap" };
      else if (event === "message") {
        const item = parsedAnswer(data, trafficItem);
        last = item.seq;
        yield { kind: "message", item };
      }
    }
    lost = { kind: "lost", reason: "the connection was lost" };
  }
  yield* reconnecting(connect, {
    signal,
    pause: backoffPause,
    isRetried(error) {
      const isRetried = isConnected && isTransient(error);
      if (isRetried) lost = { kind: "lost", reason: error.message };
      return isRetried;
    },
  });
}

/** Returns the error as a user understands it who wants to see the messages of others. */
export function explainedTraffic(error: unknown, project: string): unknown {
  if (!(error instanceof AppError) || error.code !== "forbidden") return error;
  return new AppError(
    "forbidden",
    `you may not see the messages of project "${project}": it needs edit on it`,
    {
      hint: `to see the rule: mcpctl auth can-i edit projects/${project}`,
      cause: error,
    },
  );
}
