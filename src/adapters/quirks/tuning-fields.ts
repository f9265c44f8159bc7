/**
 * Fields of a request that tune the answer and that a model may not have at all: reasoning models of OpenAI, Kimi, newer
 * ones of Anthropic. Where a model refuses one as unsupported, it is left out, also of a request that passes through.
 */
export const tuningFields: readonly string[] = [
  ...["temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty"],
  ...["stop", "parallel_tool_calls", "verbosity", "reasoning_effort"],
];

/** The words of providers for a field that the model does not have, as opposed to a value out of range. */
const unsupported =
  /unsupported|not support|n't support|not permitted|unrecognized|deprecated|only [\w."' ]{1,20} (?:is|are) (?:allowed|supported)|cannot both be/i;

/** Returns true if the words of a refusal say that the model does not have a field. */
export function saysUnsupported(field: string, message: string): boolean {
  // Another effort may be taken: that is the caller's choice.
  if (field === "reasoning_effort" && /value/i.test(message)) return false;
  return unsupported.test(message.slice(0, 2_000));
}
