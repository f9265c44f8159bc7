import { isObject, parseExact, refuseExcess } from "../../wire/json.ts";

/**
 * Returns the arguments of a chat tool call as the object that Anthropic requires. Models write bad JSON, and such a
 * conversation must still go on: anything else than an object is wrapped (cases 8, 9, 10, 11).
 *
 * @param args JSON text; Ollama has sent an object.
 */
export function toolInput(args: unknown): Record<string, unknown> {
  if (args === undefined || args === null) return {};
  if (typeof args !== "string") return isObject(args) ? args : { arguments: args };
  if (args.trim() === "") return {};
  try {
    refuseExcess(args);
    const input = parseExact(args);
    return isObject(input) ? input : { arguments: input };
  } catch {
    return { arguments: args };
  }
}
