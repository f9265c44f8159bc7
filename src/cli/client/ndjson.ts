import { AppError } from "../../errors.ts";

/**
 * Yields the values of a body with one JSON value on each line. A lost connection ends it like any other end, and a
 * line that was cut off is left out: the caller knows which value must be the last.
 *
 * @throws AppError `internal` if a line is not JSON, `interrupted` if `signal` has fired
 */
export async function* ndjson(
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const bytes of body ?? []) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines.filter((text) => text.trim() !== "")) {
        const parsed = parse(line);
        if (!parsed)
          throw new AppError("internal", "unexpected response from the server: a line is not JSON");
        yield parsed.value;
      }
    }
    const last = parse(rest);
    if (last) yield last.value;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
  }
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
