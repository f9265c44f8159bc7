import { type AppError, callerLeft } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { operations } from "../../wire/dialects/operations.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { CallContext, InferenceDeps } from "./call.ts";
import { transportFailure } from "./failure.ts";
import { streamHeaders } from "./stream.ts";

/** The time after which the caller of a waking llm gets comments. Milliseconds. */
const commentDelay = 1000;

/** The interval of comments to a caller who waits. Milliseconds. */
const commentInterval = 10_000;

const encoder = new TextEncoder();

/**
 * Returns the response to a streaming call that may have to wake its llm. A response that comes soon is returned as it
 * is. Otherwise the result is a body that begins with comments (`: waking 12s`), which keep proxies from closing it,
 * and continues with the response or ends with one error frame. Other members of a pool are tried meanwhile, because
 * comments are no part of a model's output.
 *
 * @param response the response of the attempts
 * @throws AppError if the attempts fail before the first comment
 */
export async function responseWhileWaking(
  response: Promise<Response>,
  context: CallContext,
  deps: Pick<InferenceDeps, "deadlines" | "virtualLlms">,
): Promise<Response> {
  const { deadlines, virtualLlms } = deps;
  const waking = () =>
    context.candidates.map((llm) => virtualLlms?.wakingFor(llm) ?? 0).reduce((a, b) => Math.max(a, b));
  const late = Promise.withResolvers<undefined>();
  let check = deadlines.after(commentDelay, function again() {
    if (waking() >= commentDelay) late.resolve(undefined);
    else check = deadlines.after(commentDelay, again);
  });
  const first = await Promise.race([response, late.promise]).finally(() => check.cancel());
  return first ?? new Response(bodyWhileWaking(response, context, deps, waking), streamHeaders);
}

function bodyWhileWaking(
  response: Promise<Response>,
  { call, signal, record, visibleError }: CallContext,
  { deadlines }: Pick<InferenceDeps, "deadlines">,
  waking: () => number,
): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let isAbandoned = false;
  const errorFrames = (error: AppError) =>
    dialects[operations[call.operation].dialect].errorFrames(error, call.requestId);
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let nextComment: Deadline | undefined;
        const comment = () => {
          const seconds = Math.round(waking() / 1000);
          controller.enqueue(encoder.encode(seconds > 0 ? `: waking ${seconds}s\n\n` : ":\n\n"));
          nextComment = deadlines.after(commentInterval, comment);
        };
        comment();
        const stop = () => nextComment?.cancel();
        void response.then(stop, stop);
        signal.addEventListener("abort", stop);
      },
      async pull(controller) {
        try {
          reader ??= (await response).body!.getReader();
        } catch (thrown) {
          if (isAbandoned) return;
          const error = transportFailure(thrown);
          await record.close(error.status, undefined, error).catch(() => {});
          controller.enqueue(encoder.encode(errorFrames(visibleError(error))));
          return controller.close();
        }
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        isAbandoned = true;
        // Before the response is here, the signal of the request ends the call.
        if (reader) return reader.cancel();
        const error = callerLeft();
        await response.then(({ body }) => body?.cancel()).catch(() => {});
        await record.close(error.status, undefined, error).catch(() => {});
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
}
