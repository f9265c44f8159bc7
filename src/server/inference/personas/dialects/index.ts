import type { Operation } from "../../../../wire/dialects/operations.ts";
import { chat } from "./chat.ts";
import { countTokens, messages } from "./messages.ts";
import type { PersonaDialect } from "./persona-dialect.ts";
import { inputTokens, responses } from "./responses.ts";

/** The place of a persona in the requests of each operation; none for an operation that personas do not have. */
export const personaDialects: Readonly<Partial<Record<Operation, PersonaDialect>>> = {
  chat,
  messages,
  count_tokens: countTokens,
  input_tokens: inputTokens,
  responses,
};
