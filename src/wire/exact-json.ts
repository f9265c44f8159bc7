import { nextTurn } from "./next-turn.ts";

/** JSON.rawJSON and a reviver that sees the source, which TypeScript's library does not describe yet. */
const exactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
};

/** True if a value is an integer whose digits `parseExact` has kept. */
export function isExactInteger(value: unknown): boolean {
  return exactJson.isRawJSON(value);
}

/** An integer of so many digits that it may be beyond 2^53, or a text that looks like one. */
const longInteger = /(?:^|[:,[\s])-?\d{16,}(?![.\deE])/;

/**
 * Parses JSON and keeps the digits of integers beyond 2^53: JSON.stringify writes them as they were. Such a number is
 * an opaque object in between. This takes long where there are many elements.
 *
 * @throws SyntaxError
 */
export function parseExact(text: string): unknown {
  return longInteger.test(text) ? parseWithDigits(text) : JSON.parse(text);
}

/** Does the same for a large text: it is searched in one turn of the event loop, and parsed in another one. */
export async function parseExactInTurns(text: string): Promise<unknown> {
  const hasLongInteger = longInteger.test(text);
  await nextTurn();
  return hasLongInteger ? parseWithDigits(text) : JSON.parse(text);
}

function parseWithDigits(text: string): unknown {
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && source && /^-?\d+$/.test(source)
      ? exactJson.rawJSON(source)
      : value,
  );
}
