/** Bytes of a large answer that go out at a time. */
const partBytes = 256 * 1024;
/** Milliseconds after which a caller who takes no part of it is left. Bun closes a connection that takes nothing before. */
const longestPause = 90_000;

/**
 * Returns a body that is given to Bun as it goes out: given at once, it stays in memory for as long as the caller likes.
 *
 * @param whenOver called once all of it has gone out, or its caller has left
 */
export function inParts(
  body: string | Uint8Array<ArrayBuffer>,
  whenOver: () => void,
): ReadableStream<Uint8Array> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  let at = 0;
  let patience: ReturnType<typeof setTimeout>;
  const end = () => {
    clearTimeout(patience);
    whenOver();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        patience = setTimeout(() => {
          controller.error(new Error("the response was not read"));
          whenOver();
        }, longestPause);
        patience.unref();
      },
      pull(controller) {
        controller.enqueue(bytes.subarray(at, at + partBytes));
        at += partBytes;
        patience.refresh();
        if (at < bytes.length) return;
        controller.close();
        end();
      },
      cancel: end,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
}
