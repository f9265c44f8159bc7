import { type SQL, sql } from "drizzle-orm";
import type { Sql } from "postgres";

const channel = "mcpctl_changes";
/** Milliseconds between two polls. A ring gets lost with its connection, or behind a pooler without LISTEN. */
const pollEvery = 2000;

export interface Doorbell {
  /** The statement that rings. It takes effect with the commit of its transaction. */
  ring: SQL;
  /**
   * Calls a listener on each ring of any server, this one included, and every 2 s. Returns a function that unsubscribes.
   */
  listen(listener: () => void): () => void;
  /** Unsubscribes all listeners. */
  stop(): void;
}

/** The signal by which a server tells the others that there are new rows in `changes`. */
export function doorbell(client: Sql): Doorbell {
  const stops = new Set<() => void>();

  function listen(listener: () => void): () => void {
    const poll = setInterval(listener, pollEvery);
    // The third argument is called when listening starts, or starts again: rings before that got lost. A failure to
    // listen is no error, because the poll goes on.
    const listening = client.listen(channel, listener, listener).catch(() => undefined);
    const stop = () => {
      clearInterval(poll);
      stops.delete(stop);
      void listening.then((subscription) => subscription?.unlisten()).catch(() => {});
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
