import { nextTurn } from "../../wire/next-turn.ts";

/** Characters that are converted in one turn of the event loop. */
const turnCharacters = 1024 * 1024;

/** A vector as a list of numbers. No text of JSON contains this: the quotes in it are escaped. */
const list = /"embedding"\s*:\s*\[([^[\]"{}]*)\]/g;
/** A vector in base64. */
const encoded = /"embedding"\s*:\s*"([A-Za-z0-9+/]*={0,2})"/g;

/**
 * Returns an answer with embeddings in the format that the caller asked for; undefined where they have it already. OpenAI's
 * SDKs ask for base64 by themselves and read nothing else, and many servers of models know lists only (case 164).
 *
 * @param text the answer
 * @param format the `encoding_format` of the request
 */
export async function inAskedFormat(text: string, format: unknown): Promise<string | undefined> {
  const [pattern, convert] = format === "base64" ? [list, base64Of] : [encoded, listOf];
  const parts: string[] = [];
  let from = 0;
  let turnEnd = turnCharacters;
  const search = new RegExp(pattern);
  for (let found = search.exec(text); found; found = search.exec(text)) {
    const vector = convert(found[1]!);
    if (vector === undefined) return undefined;
    parts.push(text.slice(from, found.index), `"embedding":${vector}`);
    from = search.lastIndex;
    if (from < turnEnd) continue;
    turnEnd = from + turnCharacters;
    await nextTurn();
  }
  return parts.length === 0 ? undefined : parts.join("") + text.slice(from);
}

function base64Of(numbers: string): string | undefined {
  let vector: unknown[];
  try {
    vector = JSON.parse(`[${numbers}]`);
  } catch {
    return undefined;
  }
  if (!vector.every((one) => typeof one === "number")) return undefined;
  return `"${Buffer.from(new Float32Array(vector as number[]).buffer).toString("base64")}"`;
}

function listOf(text: string): string | undefined {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"));
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
  const vector = Array.from(new Float32Array(bytes.buffer));
  return vector.every(Number.isFinite) ? JSON.stringify(vector) : undefined;
}
