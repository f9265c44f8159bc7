import type { Dialect } from "../../wire/dialects/types.ts";
import { chatShapes } from "./chat.ts";
import { messagesShapes } from "./messages.ts";
import { responsesShapes } from "./responses.ts";
import type { AnswerShapes } from "./types.ts";

/** The shapes of answers, by the provider's dialect. */
export const answerShapes: Readonly<Record<Dialect, AnswerShapes>> = {
  chat: chatShapes,
  messages: messagesShapes,
  responses: responsesShapes,
};

/** The first bytes of an answer say more about its shape than its content type. */
export type FirstBytes = "stream" | "json" | "other";

const openBrace = 123;

/** The beginning of an event stream: a field or a comment. */
const streamStart = /^\uFEFF?[\r\n]*(?:data|event|id|retry)?:/;

/** Returns the shape of an answer by its first bytes. An empty or blank beginning is "other". */
export function shapeOf(bytes: Uint8Array): FirstBytes {
  // Nearly every whole answer begins so.
  if (bytes[0] === openBrace) return "json";
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString();
  if (streamStart.test(text)) return "stream";
  return /^\uFEFF?\s*[{[]/.test(text) ? "json" : "other";
}
