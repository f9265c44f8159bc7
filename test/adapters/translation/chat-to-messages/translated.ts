import { quirksOf } from "../../../../src/adapters/quirks/index.ts";
import { messagesRequest } from "../../../../src/adapters/translation/chat-to-messages/request.ts";

/** Requests of chat callers, translated for Anthropic. */

export const hello = [{ role: "user", content: "hello" }];

/** Translates a chat request with these fields. */
export function translated(
  body: Record<string, unknown>,
  model = "claude-sonnet-4-5",
): Record<string, unknown> {
  return messagesRequest({ messages: hello, ...body }, model, quirksOf({ type: "anthropic", model }));
}

/** Returns the turns that chat messages become. */
export function turns(...messages: unknown[]): unknown {
  return translated({ messages }).messages;
}

/** Returns the code, message and path of the error for a request; undefined where there is none. */
export function refusal(body: Record<string, unknown>): unknown {
  try {
    translated(body);
  } catch (error) {
    const { code, message, details } = error as {
      code: string;
      message: string;
      details: { path: string }[];
    };
    return { code, message, path: details[0]?.path };
  }
  return undefined;
}
