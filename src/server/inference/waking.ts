import { AppError } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { operations } from "../../wire/dialects/operations.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { Asked, InferenceDeps } from "./call.ts";
import { transportFailure } from "./failure.ts";
import { streamHeaders } from "./stream.ts";

/** Who waits no longer than this for an llm to wake is not told of it. Milliseconds. */
const untold = 1000;

/** How often a caller who waits is told for how long the llm has been waking, in milliseconds. */
const comments = 10_000;

const encoder = new TextEncoder();

/**
 * The answer to a streaming call that may have to wake its llm: the answer itself where it is there soon, else a body
 * that begins with comments (`: waking 12s`), so that nobody on the way gives up, and goes on with the answer, or ends
 * with one error frame. Other members of a pool are tried meanwhile: comments are nothing that a model said.
 *
 * @param tried the answer, or why there is none
 * @throws AppError when there is none before the caller was told anything
 */
export async function answerWhileWaking(
  tried: Promise<Response>,
  asked: Asked,
  deps: Pick<InferenceDeps, "deadlines" | "virtualLlms">,
): Promise<Response> {
  const { deadlines, virtualLlms } = deps;
  const waking = () =>
    asked.candidates.map((llm) => virtualLlms?.wakingFor(llm) ?? 0).reduce((a, b) => Math.max(a, b));
  const late = Promise.withResolvers<undefined>();
  let look = deadlines.after(untold, function again() {
    if (waking() >= untold) late.resolve(undefined);
    else look = deadlines.after(untold, again);
  });
  const first = await Promise.race([tried, late.promise]).finally(() => look.cancel());
  return first ?? new Response(bodyWhileWaking(tried, asked, deps, waking), streamHeaders);
}

function bodyWhileWaking(
  tried: Promise<Response>,
  { call, record, told }: Asked,
  { deadlines }: Pick<InferenceDeps, "deadlines">,
  waking: () => number,
): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let isGone = false;
  const errorFrames = (error: AppError) =>
    dialects[operations[call.operation].dialect].errorFrames(error, call.requestId, error.providerType);
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let beat: Deadline | undefined;
        const tell = () => {
          const seconds = Math.round(waking() / 1000);
          controller.enqueue(encoder.encode(seconds > 0 ? `: waking ${seconds}s\n\n` : ":\n\n"));
          beat = deadlines.after(comments, tell);
        };
        tell();
        const hush = () => beat?.cancel();
        void tried.then(hush, hush);
        call.request.signal.addEventListener("abort", hush);
      },
      async pull(controller) {
        try {
          reader ??= (await tried).body!.getReader();
        } catch (thrown) {
          if (isGone) return;
          const error = transportFailure(thrown);
          await record.close(error.status, undefined, error).catch(() => {});
          controller.enqueue(encoder.encode(errorFrames(told(error))));
          return controller.close();
        }
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        isGone = true;
        // Who has gone before the answer came ends the call by the request's signal.
        if (reader) return reader.cancel();
        const error = new AppError("client_closed_request", "the caller went away");
        await tried.then((response) => response.body?.cancel()).catch(() => {});
        await record.close(error.status, undefined, error).catch(() => {});
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
}
