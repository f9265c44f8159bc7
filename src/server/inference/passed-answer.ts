import { passthroughPipe } from "../../adapters/passthrough/index.ts";
import { passedBytes, passedEvents } from "../../adapters/passthrough/passed.ts";
import type { StreamPipe } from "../../adapters/types.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { CallRequest } from "../../wire/incoming-request.ts";
import { liveResponse } from "../core/live-response.ts";
import { isEventStream } from "./provider-response.ts";
import type { CallRecord } from "./record.ts";
import { openStream, streamHeaders } from "./stream.ts";
import type { StreamOptions } from "./stream-options.ts";

/**
 * Content types that a caller may see: speech, images, subtitles, text. Others become bytes, so that no page of a
 * provider is one of this server.
 */
const passedType =
  /^(?:audio\/[\w.+-]+|image\/(?:png|jpeg|webp|gif)|text\/(?:plain|vtt)|application\/(?:json|octet-stream|x-subrip))(?:\s*;\s*[\w-]+="?[\w.+-]+"?)*$/i;

/** Returns the pipe of a stream of events. Completions end as chat does: without that end they were cut. */
function eventsOf(operation: Operation): StreamPipe {
  return operation === "completions" ? passthroughPipe("chat", { stripUsage: false }) : passedEvents();
}

/** Returns true for a response that is read whole: JSON that was not asked for as a stream. */
export function isWholeJson({ headers }: ProviderResponse, streaming: boolean): boolean {
  return !streaming && /^application\/json\b/i.test(headers.get("content-type") ?? "");
}

/**
 * Passes an answer of any type on as it comes. It has no length of its own: the end is sent after the audit event is
 * committed.
 */
export async function passedAnswer(
  options: Omit<
    StreamOptions,
    "pipe" | "isLabelled" | "shapes" | "wire" | "onComplete" | "record" | "response"
  > & {
    record: CallRecord;
    response: ProviderResponse;
  },
  operation: Operation,
  httpRequest: Pick<CallRequest, "headers" | "takesLive">,
): Promise<Response> {
  const { response, record } = options;
  const isEvents = isEventStream(response);
  if (isEvents) record.facts.streaming = true;
  const opening = openStream({
    ...options,
    isLabelled: isEvents,
    onComplete() {},
    ...(isEvents ? { pipe: eventsOf(operation), wire: dialects.chat } : { pipe: passedBytes() }),
  });
  const type = response.headers.get("content-type") ?? "";
  const headers = isEvents
    ? streamHeaders.headers
    : {
        "content-type": passedType.test(type) ? type : "application/octet-stream",
        "x-content-type-options": "nosniff",
      };
  return liveResponse(opening instanceof Promise ? await opening : opening, { headers }, httpRequest);
}
