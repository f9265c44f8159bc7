import type { Transform } from "node:stream";

/**
 * Sends bytes through a stream of zlib, one piece after the other. A piece is taken from the source only when the stream
 * is done with the one before, so that the source may fill the same buffer again.
 *
 * @throws the error of the source, or of the stream
 */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  stream: Transform,
): AsyncGenerator<Buffer, void, undefined> {
  let failure: { error: unknown } | undefined;
  const closed = new Promise<never>((_, reject) => {
    stream.once("close", () => reject(new Error("the stream is closed")));
  });
  closed.catch(() => {});
  const written = (piece: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      stream.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  const feeding = (async () => {
    try {
      for await (const piece of source) await Promise.race([written(piece), closed]);
      stream.end();
    } catch (error) {
      failure ??= { error };
      stream.destroy(error as Error);
    }
  })();
  try {
    yield* stream as AsyncIterable<Buffer>;
    await feeding;
  } catch (error) {
    // An error of the source is thrown as it is, and not as the early end of the stream.
    if (!stream.errored || failure === undefined) throw error;
    throw failure.error;
  } finally {
    stream.destroy();
  }
}
