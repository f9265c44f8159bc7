import type { StreamPipe } from "../../../adapters/types.ts";
import { scanJson, spliceTopLevel } from "../../../wire/json.ts";

/**
 * Answers of a persona say the model that was asked for: which one its llm stands for is not for every caller. Where
 * the provider speaks the caller's dialect that is all that changes.
 */

const parsedAlready = { maxDepth: Number.POSITIVE_INFINITY, maxItems: Number.POSITIVE_INFINITY };

/** An unstreamed answer. `body` is what its text says. */
export function withModel(text: string, body: unknown, model: string): string {
  if (typeof body !== "object" || body === null || !Object.hasOwn(body, "model")) return text;
  return spliceTopLevel(text, scanJson(text, parsedAlready), { model });
}

/** A frame's data up to the first `model` that is a key: inside a string its quotes would be escaped. */
const modelInFrame = /^(data:[^\r\n]*?"model"\s*:\s*)"(?:[^"\\\r\n]|\\.)*"/gm;
const key = Buffer.from('"model"');

/** A stream in which each frame that names the model names this one. */
export function withModelInFrames(pipe: StreamPipe, model: string): StreamPipe {
  // As bytes, one a character, so that nothing else changes.
  const name = Buffer.from(JSON.stringify(model)).toString("latin1");
  const changed = (out: Uint8Array | string | null) => {
    if (out === null || !Buffer.from(out).includes(key)) return out;
    const text = Buffer.from(out).toString("latin1");
    return Buffer.from(
      text.replace(modelInFrame, (_, before: string) => before + name),
      "latin1",
    );
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
    get position() {
      return pipe.position;
    },
  };
}
