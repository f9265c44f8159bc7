import { useEffect, useState } from "preact/hooks";
import { request, shownError } from "../../api/client.ts";
import { follow } from "../../api/events.ts";
import type { Loaded } from "../../api/lists.ts";
import type { ShownEvent } from "./figures.ts";

/** The most events of a page of the audit log. */
const pageSize = 1000;

/** Events of the audit log since a time, the newest first, and those that come. */
export interface EventList {
  events: ShownEvent[];
  /** True if there are older ones than were read. */
  isCut: boolean;
  /** True until older ones are read. */
  isReading: boolean;
}

/**
 * Reads events and follows new ones.
 *
 * @param query a filter of `/api/v1/audit`
 * @param most events that are read and kept
 */
export function useEvents(query: Readonly<Record<string, string>>, most: number): Loaded<EventList> {
  const [state, setState] = useState<{ key: string; value?: EventList; error?: Loaded<EventList>["error"] }>({
    key: "",
  });
  const [turn, setTurn] = useState(0);
  const key = new URLSearchParams(query).toString();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn reads again.
  useEffect(() => {
    let isOver = false;
    let list: EventList = { events: [], isCut: false, isReading: true };
    let waiting: ShownEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      list = { ...list, events: [...waiting.reverse(), ...list.events].slice(0, most) };
      waiting = [];
      setState({ key, value: list });
    };
    let after: string | undefined;
    let end = () => {};
    const begin = async () => {
      // The newest are shown at once, older ones as they come.
      for await (const read of readEvents(key, most)) {
        if (isOver) return;
        list = read;
        setState({ key, value: list });
      }
      const seen = new Set(list.events.slice(0, pageSize).map(identity));
      end = follow({
        path: () =>
          `/api/v1/audit?${key}&watch=1&limit=${after === undefined ? 100 : 0}${after === undefined ? "" : `&after=${after}`}`,
        onEvent({ event, id, data }) {
          if (id !== "") after = id;
          if (event !== "audit") return;
          const one = JSON.parse(data) as ShownEvent;
          if (seen.delete(identity(one))) return;
          waiting.push(one);
          timer ??= setTimeout(show, 100);
        },
        onError: (thrown) => setState((old) => ({ ...old, key, error: shownError(thrown) })),
      });
    };
    begin().catch((thrown) => isOver || setState({ key, error: shownError(thrown) }));
    return () => {
      isOver = true;
      clearTimeout(timer);
      end();
    };
  }, [key, most, turn]);
  const isOwn = state.key === key;
  return {
    value: isOwn ? state.value : undefined,
    error: isOwn ? state.error : undefined,
    reload: () => setTurn((n) => n + 1),
  };
}

/** Reads pages until there are no more events, or enough. Yields what has been read so far. */
async function* readEvents(key: string, most: number): AsyncGenerator<EventList> {
  let events: ShownEvent[] = [];
  let until: string | undefined;
  for (;;) {
    const before = until === undefined ? "" : `&until=${encodeURIComponent(until)}`;
    const size = Math.min(pageSize, most - events.length);
    const page = await request<ShownEvent[]>(`/api/v1/audit?${key}&limit=${size}${before}`);
    events = [...events, ...page];
    // A page has fewer where it has events that this user may not see.
    const isLast = page.length === 0;
    const isEnough = events.length >= most;
    yield { events, isCut: !isLast && isEnough, isReading: !isLast && !isEnough };
    if (isLast || isEnough) return;
    until = page.at(-1)!.at;
  }
}

function identity({ requestId, at, action }: ShownEvent): string {
  return `${requestId} ${at} ${action}`;
}
