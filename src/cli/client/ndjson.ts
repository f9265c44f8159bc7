import { AppError } from "../../errors.ts";

/**
 * The values of a body of one JSON value a line, each as soon as its line is there. A connection that is lost is an
 * end like any other, and a line that was cut off by it is left out: whoever reads knows what the last one must be.
 *
 * @throws AppError `internal` when a line is not JSON, `interrupted` when `signal` has fired
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
        if (!parsed) throw new AppError("internal", "the server answered with something that is not JSON");
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
