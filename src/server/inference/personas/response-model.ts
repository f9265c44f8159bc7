import type { StreamPipe } from "../../../adapters/types.ts";
import { scanJson } from "../../../wire/json.ts";
import { spliceTopLevel } from "../../../wire/json-splice.ts";

/**
 * Responses of a persona have the requested name as their `model`, because not every caller may know the llm behind
 * it. If the provider speaks the caller's dialect, nothing else in the response changes.
 */

const most = Number.POSITIVE_INFINITY;
const parsedAlready = { maxDepth: most, maxItems: most, maxStructure: most };

/** Returns a response that is not streamed with another `model`. `body` is the parsed text. */
export function withModel(text: string, body: unknown, model: string): string {
  if (typeof body !== "object" || body === null || !Object.hasOwn(body, "model")) return text;
  return spliceTopLevel(text, scanJson(text, parsedAlready), { model });
}

const key = Buffer.from('"model"');
const data = Buffer.from("data:");
/** The value of the key, which is read from so many bytes. Other values than strings stay. */
const value = /^(\s*:\s*)"(?:[^"\\\r\n]|\\.)*"/;
const longestValue = 4096;
const lineFeed = 10;
const carriageReturn = 13;

/**
 * Returns a pipe that replaces the `model` of every frame that has one: the first key of this name in its data. Inside a
 * string its quotes would be escaped. A frame may have 16 MB, so the rest of it is neither decoded nor looked at (T137).
 */
export function withModelInFrames(pipe: StreamPipe, model: string): StreamPipe {
  const name = Buffer.from(JSON.stringify(model));
  const changed = (out: Uint8Array | string | null) => {
    if (out === null) return out;
    const bytes =
      typeof out === "string" ? Buffer.from(out) : Buffer.from(out.buffer, out.byteOffset, out.length);
    const parts: Uint8Array[] = [];
    let kept = 0;
    let line = 0;
    let changedLine = -1;
    let seen = 0;
    for (let at = bytes.indexOf(key); at !== -1; at = bytes.indexOf(key, seen)) {
      const start = lineStart(bytes.subarray(seen, at));
      if (start > 0) line = seen + start;
      seen = at + key.length;
      if (line === changedLine || !data.equals(bytes.subarray(line, line + data.length))) continue;
      // latin1 has one character for each byte.
      const found = value.exec(bytes.toString("latin1", seen, seen + longestValue));
      if (!found) continue;
      const [all, colon = ""] = found;
      parts.push(bytes.subarray(kept, seen + colon.length), name);
      kept = seen + all.length;
      changedLine = line;
    }
    return parts.length === 0 ? out : Buffer.concat([...parts, bytes.subarray(kept)]);
  };
  return {
    push: (chunk) => changed(pipe.push(chunk)),
    end: () => changed(pipe.end()),
    get finished() {
      return pipe.finished;
    },
    get done() {
      return pipe.done;
    },
    get usage() {
      return pipe.usage;
    },
    get fault() {
      return pipe.fault;
    },
    get answer() {
      return pipe.answer;
    },
    get position() {
      return pipe.position;
    },
  };
}

/** Returns the index after the last line end in some bytes; 0 if they have none. */
function lineStart(bytes: Uint8Array): number {
  return Math.max(bytes.lastIndexOf(lineFeed), bytes.lastIndexOf(carriageReturn)) + 1;
}
