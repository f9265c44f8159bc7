import { send } from "./client.ts";

/** One server-sent event. */
export interface PageEvent {
  event: string;
  id: string;
  data: string;
}

/** The most characters of one event. */
const maxEvent = 8 * 1024 * 1024;

/** Reads the server-sent events of a response until it ends. */
export async function* eventsOf(response: Response): AsyncGenerator<PageEvent> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = parse(text.slice(0, end));
        text = text.slice(end + 2);
        if (event) yield event;
      }
      if (text.length > maxEvent) throw new Error("the server sent an event that is too long");
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function parse(frame: string): PageEvent | undefined {
  const event: PageEvent = { event: "message", id: "", data: "" };
  const data: string[] = [];
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "data") data.push(value);
    else if (name === "event" || name === "id") event[name] = value;
  }
  if (data.length === 0) return undefined;
  return { ...event, data: data.join("\n") };
}

/** Milliseconds before a stream is opened again: doubled with each failure. */
const firstPause = 500;
const longestPause = 15_000;

export interface FollowOptions {
  /** Returns the path, also for a stream that is opened again. */
  path(): string;
  onEvent(event: PageEvent): void;
  /** Called before a stream is opened. */
  onOpen?(): void;
  onError(error: unknown): void;
}

/**
 * Follows a stream, and opens it again when it ends. A page that is not looked at has none: browsers have few connections
 * to a host, and all tabs share them. Returns a function that ends it.
 */
export function follow({ path, onEvent, onOpen, onError }: FollowOptions): () => void {
  let abort: AbortController | undefined;
  let isOver = false;
  let pause = firstPause;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = async () => {
    clearTimeout(timer);
    if (isOver || abort || document.hidden) return;
    const own = new AbortController();
    abort = own;
    try {
      onOpen?.();
      const response = await send(path(), { signal: own.signal });
      for await (const event of eventsOf(response)) {
        pause = firstPause;
        if (own.signal.aborted) return;
        onEvent(event);
      }
    } catch (error) {
      if (!own.signal.aborted) onError(error);
    }
    if (abort === own) abort = undefined;
    if (isOver || own.signal.aborted) return;
    timer = setTimeout(open, pause);
    pause = Math.min(pause * 2, longestPause);
  };
  const close = () => {
    clearTimeout(timer);
    abort?.abort();
    abort = undefined;
  };
  const look = () => {
    if (document.hidden) close();
    else void open();
  };
  document.addEventListener("visibilitychange", look);
  void open();
  return () => {
    isOver = true;
    document.removeEventListener("visibilitychange", look);
    close();
  };
}
