import { field, type PersonaDialect, prefixed, textFormat, within } from "./persona-dialect.ts";

/** The prompt goes into `instructions`. Tokens are counted without parameters. */
export const inputTokens: PersonaDialect = {
  *promptTexts(prompt, _history, textOf) {
    if (prompt !== "") yield* prefixed("instructions", prompt, textOf("instructions"));
  },
};

export const responses: PersonaDialect = {
  ...inputTokens,
  params: {
    temperature: field("temperature"),
    top_p: field("top_p"),
    max_tokens: field("max_output_tokens"),
    max_completion_tokens: field("max_output_tokens"),
    reasoning_effort: within("reasoning", "effort"),
    response_format: textFormat("text", (schema) => schema, "json_object"),
    verbosity: within("text", "verbosity"),
  },
};
