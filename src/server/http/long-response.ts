import { nextTurn } from "../../wire/next-turn.ts";

/** A piece of a long response has about so many characters: it is made in one turn of the event loop. */
export const pieceCharacters = 256 * 1024;

const encoder = new TextEncoder();

/**
 * Returns a response whose text is made in pieces. All pieces but the first two are made in later turns of the event loop,
 * each when the reader has taken those before it, so that a long text holds up no other request (T128).
 */
export function longResponse(pieces: Iterator<string>, headers: Record<string, string>): Response {
  const first = pieces.next();
  const second = pieces.next();
  if (second.done) return new Response(first.done ? "" : first.value, { headers });
  const ready = [first.value as string, second.value];
  return new Response(
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await nextTurn();
          const piece = ready.shift() ?? pieces.next().value;
          if (piece === undefined) controller.close();
          else controller.enqueue(encoder.encode(piece));
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: pieceCharacters }),
    ),
    { headers },
  );
}

/** Makes pieces of a JSON list. */
export function* listPieces<T>(items: readonly T[], show: (item: T) => object): Generator<string, undefined> {
  let piece = "[";
  let isFirst = true;
  for (const item of items) {
    piece += isFirst ? JSON.stringify(show(item)) : `,${JSON.stringify(show(item))}`;
    isFirst = false;
    if (piece.length < pieceCharacters) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}]`;
}
