import { quirksOf } from "../../../../src/adapters/quirks/index.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { fixedId } from "../streams.ts";

/** Requests of responses callers, translated to chat and to messages. */

export type Fields = Record<string, unknown>;

export const toChat = translationFor("responses", "chat", () => 0, fixedId)!;
export const toMessages = translationFor("responses", "messages", () => 0, fixedId)!;
export const ask = { model: "mine", input: "hello" };
export const image = "data:image/png;base64,iVBORw0KGgo=";

export const quirks = (type: string, model: string) => quirksOf({ type, model });

/** Translates a request with these fields to chat. */
export const chat = (body: Fields) => toChat.request({ ...ask, ...body }, "theirs", {});
