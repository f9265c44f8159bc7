import { field, isFilledList, type PersonaDialect, prepended } from "./persona-dialect.ts";

const limits = ["max_tokens", "max_completion_tokens"];

/** A system message comes first, then the history of the thread. */
export const chat: PersonaDialect = {
  *promptTexts(prompt, history, textOf) {
    const own = textOf("messages");
    const first = [...(prompt === "" ? [] : [{ role: "system", content: prompt }]), ...history];
    if (first.length > 0 && own !== undefined && isFilledList(own)) yield ["messages", prepended(first, own)];
  },
  params: {
    temperature: field("temperature"),
    top_p: field("top_p"),
    max_tokens: field("max_tokens", undefined, limits),
    max_completion_tokens: field("max_completion_tokens", undefined, limits),
    stop: field("stop"),
    seed: field("seed"),
    presence_penalty: field("presence_penalty"),
    frequency_penalty: field("frequency_penalty"),
    reasoning_effort: field("reasoning_effort"),
    response_format: field("response_format"),
    verbosity: field("verbosity"),
  },
};
