import { readdirSync, readFileSync } from "node:fs";
import type { StreamPipe } from "../../../src/adapters/types.ts";
import { AppError, type ProviderError } from "../../../src/errors.ts";
import { type SseEvent, SseParser } from "../../../src/wire/sse.ts";

const fixtures = `${import.meta.dirname}/../../fixtures`;

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Makes always the same id, so that two translations of one answer can be compared. */
export const fixedId = (): string => "0123456789abcdef01234567";

/** Returns a recorded stream of a provider, such as `openai/text.sse`. */
export const recorded = (name: string): Uint8Array => readFileSync(`${fixtures}/${name}`);

/** Returns a recorded answer that was not streamed. */
export const recordedJson = (name: string): unknown =>
  JSON.parse(readFileSync(`${fixtures}/${name}`, "utf8"));

/** Returns the names of all recorded streams of a provider. */
export const recordings = (provider: "openai" | "anthropic"): string[] =>
  readdirSync(`${fixtures}/${provider}`)
    .filter((name) => name.endsWith(".sse"))
    .map((name) => `${provider}/${name}`);

/** The output of a pipe and its state at the end. */
export interface Outcome {
  text: string;
  finished: boolean;
  done: boolean;
  usage: StreamPipe["usage"];
  fault: StreamPipe["fault"];
}

/** Sends pieces through a pipe and ends it. */
export function through(pipe: StreamPipe, pieces: Iterable<Uint8Array>): Outcome {
  const decoder = new TextDecoder();
  let text = "";
  const add = (out: Uint8Array | string | null) => {
    if (out !== null && out.length === 0) throw new Error("a pipe returns null for nothing");
    if (out !== null) text += typeof out === "string" ? out : decoder.decode(out, { stream: true });
  };
  for (const piece of pieces) add(pipe.push(piece));
  add(pipe.end());
  const { finished, done, usage, fault } = pipe;
  return { text: text + decoder.decode(), finished, done, usage, fault };
}

/** Cuts bytes at the given places. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

/** Returns the events of a whole stream. */
export function eventsOf(text: string): SseEvent[] {
  const parser = new SseParser();
  return [...parser.push(bytesOf(text)), ...parser.end()];
}

/** Returns the parsed data of a stream's events, and `[DONE]` as text. */
export function payloadsOf(text: string): unknown[] {
  return eventsOf(text).map(({ data }) => (data === "[DONE]" ? data : JSON.parse(data)));
}

/** Returns the error that the server makes of a fault. */
export function errorOf(fault: NonNullable<StreamPipe["fault"]>, family: ProviderError["family"]): AppError {
  const { message, type, status, fields = {} } = fault;
  return new AppError("provider_error", message, {
    ...(status !== undefined && { status }),
    provider: { family, fields, ...(type !== undefined && { type }) },
  });
}
