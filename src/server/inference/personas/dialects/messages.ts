import {
  field,
  isSet,
  type PersonaDialect,
  prefixed,
  prepended,
  textFormat,
  within,
} from "./persona-dialect.ts";

const atMostOne = (value: unknown) => Math.min(value as number, 1);

/** The prompt goes into `system`. Tokens are counted without parameters. */
export const countTokens: PersonaDialect = {
  *promptTexts(prompt, _history, textOf) {
    if (prompt === "") return;
    const own = textOf("system");
    if (own?.startsWith("[")) yield ["system", prepended([{ type: "text", text: prompt }], own)];
    else yield* prefixed("system", prompt, own);
  },
};

/** The prompt goes into `system`, parameters into the fields of Anthropic. */
export const messages: PersonaDialect = {
  ...countTokens,
  params: {
    temperature: field("temperature", atMostOne),
    top_p: field("top_p"),
    max_tokens: field("max_tokens"),
    max_completion_tokens: field("max_tokens"),
    stop: field("stop_sequences", (value) => [value].flat()),
    reasoning_effort(value, body, set) {
      if (isSet(body["thinking"])) return true;
      if (value === "none") return field("thinking", () => ({ type: "disabled" }))(value, body, set);
      return within("output_config", "effort")(value === "minimal" ? "low" : value, body, set);
    },
    response_format: textFormat("output_config", (schema) => ({ schema: schema["schema"] })),
  },
};
