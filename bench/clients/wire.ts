import type { Step, Turn } from "./model.ts";

// biome-ignore lint/suspicious/noExplicitAny: a scripted provider reads whatever came
export type Body = any;

/** A dialect as a scripted provider speaks it. */
export interface Dialect {
  /** Thinking has a place in it, and clients return it. */
  thinks: boolean;
  /** Reads a request. Throws a `Refusal` for what the real provider refuses. */
  parse(body: Body): Turn;
  whole(step: Step, turn: Turn, body: Body): object;
  /** Frames of a stream, to the last one. */
  events(step: Step, turn: Turn, body: Body): Iterable<string>;
  overflow(): Refusal;
}

/** An error of the provider, as it sends it. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: object;

  constructor(status: number, body: object) {
    super(JSON.stringify(body));
    this.status = status;
    this.body = body;
  }
}

export function listOf(value: Body): Body[] {
  return Array.isArray(value) ? value : [];
}

/** Returns the words of a content: a text, or a list of parts of which some have a text. */
export function textOf(content: Body): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => (typeof part === "string" ? part : (part.text ?? "")))
    .join("\n");
}
