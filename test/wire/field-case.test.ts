import { expect, it } from "vitest";
import { refuseOtherCase } from "../../src/wire/field-case.ts";
import { scanJson } from "../../src/wire/json.ts";

const check = (body: object) => refuseOtherCase(scanJson(JSON.stringify(body), { maxDepth: 64 }));

it.each([
  "Model",
  "MAX_TOKENS",
  "Max_Completion_Tokens",
  "Stream",
  "N",
  "Tools",
  "MESSAGES",
  "Store",
  "Documents",
  "Conversation",
])(
  "a call with %s, which some providers take for the field in lower case, is refused by name (T95)",
  (field) => {
    expect(() => check({ model: "gpt", [field]: 1 })).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: `unknown field "${field}"; did you mean "${field.toLowerCase()}"?`,
      }),
    );
  },
);

it.each([
  ["\u017ftream", "stream"],
  ["max_to\u212aens", "max_tokens"],
  ["me\u017f\u017fages", "messages"],
  ["Best_Of", "best_of"],
])("a call with %s, which Go takes for the same letters, is refused by name (T95)", (field, plain) => {
  expect(() => check({ model: "gpt", [field]: 1 })).toThrow(`did you mean "${plain}"?`);
});

it("fields of a provider's own may be written as it likes", () => {
  check({ model: "gpt", keepAlive: 1, topK: 2, extra: { Model: "inside another" }, größe: 1, maß: 2 });
});
