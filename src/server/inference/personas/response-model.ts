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

/** The data of a frame up to the first key `model`. Inside a string its quotes would be escaped. */
const modelInFrame = /^(data:[^\r\n]*?"model"\s*:\s*)"(?:[^"\\\r\n]|\\.)*"/gm;
const key = Buffer.from('"model"');

/** Returns a pipe that replaces the `model` of every frame that has one. */
export function withModelInFrames(pipe: StreamPipe, model: string): StreamPipe {
  // latin1 keeps every byte, one per character, so that nothing else changes.
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
    get answer() {
      return pipe.answer;
    },
    get position() {
      return pipe.position;
    },
  };
}
