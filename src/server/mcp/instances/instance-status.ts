import type { Time } from "../../../time.ts";
import type { InstanceStatus } from "../../core/store/mcp-status.ts";
import type { Instance } from "./instance.ts";

/** The node that runs instances, and its clocks. */
export interface NodeFacts {
  /** The name of this server among those on the same database. */
  node: string;
  time: Time;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Returns what the row of an instance says. */
export function instanceStatus(
  { state, restarts, startedAt, protocol, failure, connection }: Instance,
  server: string,
  { node, time, now }: NodeFacts,
): InstanceStatus {
  const since = startedAt === undefined ? undefined : now() - (time.elapsed() - startedAt);
  return {
    server,
    node,
    state,
    restarts,
    ...(connection?.sandbox !== undefined && { sandbox: connection.sandbox }),
    ...(connection?.pid !== undefined && { pid: connection.pid }),
    ...(connection?.container !== undefined && { container: connection.container }),
    ...(since !== undefined && { startedAt: new Date(Math.round(since)).toISOString() }),
    ...(protocol !== undefined && { protocol }),
    ...(failure && { error: failure.message }),
  };
}

/** Instances that run, and have few calls, are called first. */
export function costOf({ connection, queue }: Instance): number {
  return queue.load + (connection ? 0 : 1000);
}
