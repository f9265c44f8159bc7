import type { ServerEvent } from "../../wire/link/messages.ts";
import { eventJson, type LinkConnection } from "./link-session.ts";

/** Milliseconds between two comments. Comments keep the stream open, and show the agent that it is. */
const commentMs = 15_000;

/** An agent has stopped reading if more bytes than this wait for it: twice the size of the largest request. */
const maxQueuedBytes = 64 * 1024 * 1024;

const encoder = new TextEncoder();
const comment = encoder.encode(":\n\n");

/**
 * Creates a connection that sends server-sent events. `id` counts the events. No event is kept to be sent again, and
 * `Last-Event-ID` is ignored: tasks that are still on offer are offered again when the same agent comes back.
 *
 * @param closed called when the agent has gone, or was cut off because it does not read
 * @param every milliseconds between two comments
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
    // The sender may be in the middle of a change of state.
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
      // A line break would end the data of the event. In JSON a raw line break can only be white space.
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
