import { expect } from "vitest";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { fixedId } from "./streams.ts";

/** Requests of chat callers, translated for an Anthropic provider. */

export const translation = translationFor("chat", "messages", () => 0, fixedId)!;
export const hello = { role: "user", content: "hello" };
export const old = "claude-sonnet-4-20250514";
export const budgeted = "claude-haiku-4-5";
export const adaptive = "claude-opus-4-6";
export const latest = "claude-sonnet-5";

/** Returns the quirks of a model at Anthropic. */
export const claude = (model: string) => quirksOf({ type: "anthropic", model });

/** Returns the translated request, as the provider parses it. */
// biome-ignore lint/suspicious/noExplicitAny: tests read any field
export function sent(body: object, model = budgeted): any {
  return JSON.parse(
    JSON.stringify(translation.request({ messages: [hello], ...body }, model, claude(model))),
  );
}

export const turns = (...messages: object[]) => sent({ messages }).messages;

export function refusedAt(body: object, model = budgeted): unknown {
  try {
    return sent(body, model);
  } catch (error) {
    const { code, details } = error as { code: string; details: { path: string }[] };
    expect(code).toBe("invalid_request");
    return details[0]!.path;
  }
}

export const text = (words: string) => ({ type: "text", text: words });
export const call = (id: string, args: string | undefined = "{}", name = "f") => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
export const tool = (name = "f", fields: object = {}) => ({
  type: "function",
  function: { name, ...fields },
});
export const part = (one: object) => [{ role: "user", content: [one] }];
export const image = (url: string) => part({ type: "image_url", image_url: { url, detail: "low" } });
export const inputOf = (args: string | undefined) =>
  turns(hello, { role: "assistant", tool_calls: [call("c", args)] })[1].content[0].input;
