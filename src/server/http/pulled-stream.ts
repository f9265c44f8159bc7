import { AppError } from "../../errors.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** The usual time in which the next bytes must be taken, in milliseconds. */
const longestPause = 60_000;

/**
 * Returns a stream of bytes that are made as its caller takes them. It ends in an error when the caller's bearer ends, and
 * when the caller takes nothing for a minute: until the end of a backup, the database keeps what it had at the beginning,
 * and its log grows (T240).
 *
 * @param pause milliseconds in which the next bytes must be taken
 */
export function pulledStream(
  { streams }: Pick<Server, "streams">,
  { principal }: Pick<Call, "principal">,
  bytes: AsyncIterable<Uint8Array>,
  pause: number = longestPause,
): ReadableStream<Uint8Array> {
  const pieces = bytes[Symbol.asyncIterator]();
  let fail: (error: AppError) => void = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const remove = streams.add(principal, () => fail(new AppError("unauthenticated", "the token was revoked")));
  const stop = async () => {
    remove();
    clearTimeout(timer);
    await pieces.return?.();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      fail = (error) => {
        controller.error(error);
        void stop().catch(() => {});
      };
    },
    async pull(controller) {
      clearTimeout(timer);
      try {
        const { done, value } = await pieces.next();
        if (done) {
          await stop();
          controller.close();
          return;
        }
        controller.enqueue(value);
        timer = setTimeout(() => fail(new AppError("timed_out", "nobody takes the bytes")), pause);
      } catch (error) {
        await stop();
        controller.error(error);
      }
    },
    cancel: stop,
  });
}
