import { nextTurn } from "../../wire/next-turn.ts";

/** A piece of a long response has about so many characters: it is made in one turn of the event loop. */
export const pieceCharacters = 256 * 1024;
/** A piece takes no longer than this: what is shown may take long, and be short. Milliseconds. */
const pieceMilliseconds = 8;
/** Items between two looks at the clock. */
const itemsPerLook = 16;

const encoder = new TextEncoder();
const json = { "content-type": "application/json;charset=utf-8" };

/**
 * Returns a response whose text is made in pieces. All pieces but the first two are made in later turns of the event loop,
 * each when the reader has taken those before it, so that a long text holds up no other request (T128).
 */
export function longResponse(pieces: Iterator<string>, headers: Record<string, string> = json): Response {
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
export function* listPieces<T>(
  items: readonly T[],
  show: (item: T, index: number) => object,
): Generator<string, undefined> {
  let piece = "[";
  let end = performance.now() + pieceMilliseconds;
  for (const [index, item] of items.entries()) {
    const text = JSON.stringify(show(item, index));
    piece += index === 0 ? text : `,${text}`;
    const isLate = index % itemsPerLook === 0 && performance.now() > end;
    if (piece.length < pieceCharacters && !isLate) continue;
    yield piece;
    piece = "";
    end = performance.now() + pieceMilliseconds;
  }
  yield `${piece}]`;
}

/**
 * Makes pieces of a JSON object.
 *
 * @param lists further fields, with the pieces of their lists
 */
export function* objectPieces(
  object: object,
  lists: Readonly<Record<string, Iterable<string>>>,
): Generator<string, undefined> {
  let text = JSON.stringify(object).slice(0, -1);
  for (const [name, pieces] of Object.entries(lists)) {
    text += `${text === "{" ? "" : ","}${JSON.stringify(name)}:`;
    let isFirst = true;
    for (const piece of pieces) {
      if (!isFirst) {
        yield text;
        text = "";
      }
      text += piece;
      isFirst = false;
    }
  }
  yield `${text}}`;
}
