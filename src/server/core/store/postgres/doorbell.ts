import { type SQL, sql } from "drizzle-orm";
import type { Sql } from "postgres";

const channel = "mcpctl_changes";
/** A ring can get lost with its connection, or behind a pooler that does not pass LISTEN on. */
const pollEvery = 2000;

export interface Doorbell {
  /** Run it inside the transaction that wrote: it rings at commit, or not at all. */
  ring: SQL;
  /** Calls back on each ring of any server, this one included, and every 2 s besides. Returns how to stop. */
  listen(answer: () => void): () => void;
  /** Stops for everybody. */
  stop(): void;
}

/** How one server tells the others that there is something new. What it is, they read from `changes`. */
export function doorbell(client: Sql): Doorbell {
  const stops = new Set<() => void>();

  function listen(answer: () => void): () => void {
    const poll = setInterval(answer, pollEvery);
    // The second one is for when listening starts, again too: rings before that were not heard. Failing to
    // listen is not an error, as the poll goes on.
    const listening = client.listen(channel, answer, answer).catch(() => undefined);
    const stop = () => {
      clearInterval(poll);
      stops.delete(stop);
      void listening.then((listener) => listener?.unlisten()).catch(() => {});
    };
    stops.add(stop);
    return stop;
  }

  return {
    ring: sql`select pg_notify(${channel}, '')`,
    listen,
    stop() {
      for (const stop of stops) stop();
    },
  };
}
