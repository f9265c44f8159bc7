import { useEffect, useState } from "preact/hooks";
import { type ApiError, request, shownError } from "./client.ts";
import { follow } from "./events.ts";
import { reconnects } from "./session.ts";

/** Something of the server that is loading, here, or refused. What was here stays when a later read fails. */
export interface Loaded<T> {
  value: T | undefined;
  error: ApiError | undefined;
  reload(): void;
}

/** Milliseconds between two reads of what no stream tells about. */
const refresh = 10_000;

/**
 * Reads a path, again every ten seconds while the page is looked at, and when the server is back.
 *
 * @param path undefined reads nothing
 */
export function useLoaded<T>(path: string | undefined, every: number | undefined = refresh): Loaded<T> {
  const [state, setState] = useState<{ path: string | undefined; value?: T; error?: ApiError }>({ path });
  const [turn, setTurn] = useState(0);
  const back = reconnects.value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn, and a server that is back, read again.
  useEffect(() => {
    if (path === undefined) return;
    const abort = new AbortController();
    const read = () =>
      request<T>(path, { signal: abort.signal }).then(
        (value) => setState({ path, value }),
        (thrown) => {
          if (abort.signal.aborted) return;
          const error = shownError(thrown);
          setState((old) => ({
            path,
            error,
            ...(old.path === path && "value" in old && { value: old.value! }),
          }));
        },
      );
    void read();
    const timer = every === 0 ? undefined : setInterval(() => document.hidden || read(), every);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [path, every, turn, back]);
  const isOwn = state.path === path;
  return {
    value: isOwn ? state.value : undefined,
    error: isOwn ? state.error : undefined,
    reload: () => setTurn((n) => n + 1),
  };
}

/** An object of the API. */
export interface ApiObject {
  id: string;
  name: string;
  [field: string]: unknown;
}

/** Follows all objects of a kind: each change is seen at once. A screen follows one kind, and reads the others. */
export function useKind<T extends ApiObject>(plural: string): Loaded<T[]> {
  const [state, setState] = useState<{ value?: T[]; error?: ApiError }>({});
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn opens the stream anew.
  useEffect(() => {
    let rows = new Map<string, T>();
    let isWhole = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      setState({
        value: [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
      });
    };
    const end = follow({
      path: () => `/api/v1/${plural}?watch=1`,
      onOpen() {
        rows = new Map();
        isWhole = false;
      },
      onEvent({ event, data }) {
        const object = JSON.parse(data) as T;
        if (event === "synced") isWhole = true;
        else if (event === "deleted") rows.delete(object.id);
        else rows.set(object.id, object);
        // Changes of one moment are drawn together.
        if (isWhole) timer ??= setTimeout(show, 30);
      },
      onError: (error) => setState((old) => ({ ...old, error: shownError(error) })),
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [plural, turn]);
  return { value: state.value, error: state.error, reload: () => setTurn((n) => n + 1) };
}
