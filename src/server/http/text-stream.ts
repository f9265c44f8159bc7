import { eventStreamHeaders } from "../../wire/sse.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** Milliseconds of silence after which a comment keeps the stream open. */
const heartbeat = 15_000;

const encoder = new TextEncoder();

/**
 * Returns a response of the events that a generator yields, as fast as they are read. It ends when its bearer is no longer
 * valid, and when the server stops.
 *
 * @throws AppError `too_many_requests` if the user has too many streams
 */
export function textStream(
  { streams, quotas, catalogue }: Pick<Server, "streams" | "quotas" | "catalogue">,
  { isHead, principal }: Call,
  textsOf: (signal: AbortSignal) => AsyncGenerator<string, void>,
): Response {
  if (isHead) return new Response(null, { headers: eventStreamHeaders });
  // The stream is added below, before anything else happens.
  quotas.reserve(catalogue.snapshot, principal, "streams", streams.endlessOf(principal.userId))();
  const abort = new AbortController();
  const texts = textsOf(abort.signal);
  const forget = streams.add(principal, () => abort.abort(), true);
  let isBetweenFrames = true;
  let next: Promise<IteratorResult<string, void>> | undefined;
  let isFirst = true;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Bun sends the head of a response with its first byte: the reader should not wait for the first event.
        if (isFirst) {
          isFirst = false;
          return controller.enqueue(encoder.encode(":\n\n"));
        }
        next ??= texts.next();
        const silence = Promise.withResolvers<undefined>();
        const timer = setTimeout(() => silence.resolve(undefined), heartbeat);
        const found = await Promise.race([next, silence.promise])
          .catch(() => "failed" as const)
          .finally(() => clearTimeout(timer));
        if (found === "failed") {
          forget();
          // Bun would print a reason.
          return controller.error();
        }
        if (!found) return controller.enqueue(encoder.encode(isBetweenFrames ? ":\n\n" : ""));
        next = undefined;
        if (found.done) {
          forget();
          return controller.close();
        }
        isBetweenFrames = found.value.endsWith("\n\n");
        controller.enqueue(encoder.encode(found.value));
      },
      cancel() {
        abort.abort();
        forget();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return new Response(body, { headers: eventStreamHeaders });
}
