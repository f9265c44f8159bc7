import type { TestServer } from "./server.ts";

export interface WatchEvent {
  type: string;
  /** The revision. */
  id: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  data: any;
}

export interface Watch {
  /** The next event; undefined when the server has ended the stream. */
  next(): Promise<WatchEvent | undefined>;
  /** Goes away, as a caller does. */
  leave(): Promise<void>;
}

/** Watches a kind with a bearer. `query` goes behind `watch=1`: `&since=7`. */
export async function watchKind(
  server: TestServer,
  bearer: string,
  plural: string,
  query = "",
): Promise<Watch> {
  const abort = new AbortController();
  const response = await fetch(`${server.url}/api/v1/${plural}?watch=1${query}`, {
    headers: { authorization: `Bearer ${bearer}` },
    signal: abort.signal,
  });
  if (response.headers.get("content-type") !== "text/event-stream") {
    throw new Error(`expected a stream, got ${response.status}: ${await response.text()}`);
  }
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async next() {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end >= 0) {
          const event = parse(text.slice(0, end));
          text = text.slice(end + 2);
          if (event) return event;
          continue;
        }
        const { value, done } = await reader.read();
        if (done) return undefined;
        text += value;
      }
    },
    async leave() {
      abort.abort();
      await reader.cancel().catch(() => {});
    },
  };
}

/** One frame, or undefined for a heartbeat. */
function parse(frame: string): WatchEvent | undefined {
  const fields = new Map(
    frame.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
  );
  const type = fields.get("event");
  return type === undefined
    ? undefined
    : { type, id: Number(fields.get("id")), data: JSON.parse(fields.get("data")!) };
}
