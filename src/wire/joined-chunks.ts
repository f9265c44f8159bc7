/** Chunks of fewer bytes are small. */
const smallChunk = 1024;
/** Small chunks that are read one after the other. */
const smallAtOnce = 64;

/**
 * Passes the chunks of a body on, with a turn of the event loop after some small ones: Bun hands each chunk that it has
 * read over as long as somebody waits for the next one, and joins those that come while nobody does. A million chunks of
 * one byte, one by one, hold the event loop for half a second (T260).
 */
export async function* joinedChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let small = 0;
  for await (const chunk of chunks) {
    yield chunk;
    if (chunk.length < smallChunk && ++small % smallAtOnce === 0) await new Promise(setImmediate);
  }
}
