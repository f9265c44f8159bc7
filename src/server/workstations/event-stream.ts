import type { ServerEvent } from "../../wire/link/messages.ts";
import { eventJson, type LinkConnection } from "./link-session.ts";

/** A comment this often, in milliseconds, keeps the stream open and tells the agent that it is. */
const commentMs = 15_000;

/** An agent for which more than this waits does not read any more: two requests, as large as they may be. */
const maxQueuedBytes = 64 * 1024 * 1024;

const encoder = new TextEncoder();
const comment = encoder.encode(":\n\n");

/**
 * The way down as server-sent events. `id` counts them; nothing is kept to be sent again, and `Last-Event-ID` is
 * not asked for: what runs is known, and what is still on offer is offered again to an agent that goes on.
 *
 * @param closed is told when the agent has gone, or was cut off because it does not read
 * @param every how often a comment comes, in milliseconds
 */
export function eventStream(
  closed: () => void,
  every: number = commentMs,
): { connection: LinkConnection; body: ReadableStream<Uint8Array> } {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let isOpen = true;
  let count = 0;
  const end = () => {
    isOpen = false;
    clearInterval(beat);
  };
  const enqueue = (bytes: Uint8Array) => {
    if (-(controller.desiredSize ?? 0) <= maxQueuedBytes) return controller.enqueue(bytes);
    end();
    controller.error();
    // Whoever sends is in the middle of something.
    queueMicrotask(closed);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own;
        own.enqueue(encoder.encode("retry: 2000\n\n"));
      },
      cancel() {
        if (!isOpen) return;
        end();
        closed();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  const beat = setInterval(() => enqueue(comment), every);
  const connection: LinkConnection = {
    transport: "sse",
    send({ event, ...data }: ServerEvent, request) {
      if (!isOpen) return;
      // Only white space of a request can be a line end, and each would end the event's data.
      const json = eventJson(data, request?.replace(/[\r\n]/g, " "));
      enqueue(encoder.encode(`event: ${event}\nid: ${++count}\ndata: ${json}\n\n`));
    },
    close() {
      if (!isOpen) return;
      end();
      controller.close();
    },
  };
  return { connection, body };
}
