import { AppError } from "../errors.ts";
import type { JsonScan } from "./json.ts";

/** Fields of a call, of any dialect, by which the server decides who is asked, for how much, and how the answer comes. */
const decisive: ReadonlySet<string> = new Set([
  "background",
  "best_of",
  "container",
  "conversation",
  "documents",
  "encoding_format",
  "file",
  "input",
  "instructions",
  "max_completion_tokens",
  "max_output_tokens",
  "max_tokens",
  "messages",
  "model",
  "n",
  "previous_response_id",
  "prompt",
  "reasoning",
  "reasoning_effort",
  "response_format",
  "service_tier",
  "speed",
  "store",
  "stop",
  "stream",
  "stream_options",
  "system",
  "thinking",
  "tool_choice",
  "tools",
]);

/** A letter that is written in another way below: some beyond ASCII become letters of it. */
const capital = /[A-Z\u0080-\uffff]/;
/** The long s, which is no capital: Go takes it for an `s`. The other such letter, the sign of Kelvin, has `k` as its small letter. */
const longS = /ſ/g;

/** Returns the known field that Go takes a key for, if it is written in another case (pkg.go.dev/encoding/json#Unmarshal). */
export function plainField(key: string, known: ReadonlySet<string>): string | undefined {
  if (!capital.test(key)) return undefined;
  const plain = key.toLowerCase().replace(longS, "s");
  return plain !== key && known.has(plain) ? plain : undefined;
}

/**
 * Refuses a call with a field such as `Model` or `MAX_TOKENS`. Providers written in Go, among them Ollama, take such a
 * field for the real one, which the server has checked and they would not see.
 *
 * @throws AppError `invalid_request` that names the field
 */
export function refuseOtherCase({ members }: Pick<JsonScan, "members">): void {
  for (const { key } of members) {
    const plain = plainField(key, decisive);
    if (plain === undefined) continue;
    const message = `unknown field "${key}"; did you mean "${plain}"?`;
    throw new AppError("invalid_request", message, { details: [{ path: `/${key}`, message }] });
  }
}
