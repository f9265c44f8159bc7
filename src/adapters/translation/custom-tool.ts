import { customInputKey } from "./custom-input.ts";
import { type Fields, quoted, refused, refuseOthers, textAt } from "./request-fields.ts";

/** The parameters of the function that replaces a custom tool: one text. */
export const customParameters: Fields = {
  type: "object",
  properties: { [customInputKey]: { type: "string", description: "The whole input, as plain text." } },
  required: [customInputKey],
  additionalProperties: false,
};

/**
 * Returns the description of that function. A grammar cannot be enforced: it goes into the description, where the model
 * reads it.
 *
 * @param format the format of the input, as responses has it
 * @throws AppError `invalid_request`
 */
export function customDescription(description: string, format: Fields, path: string): string {
  return [description, grammarWords(format, path)].filter(Boolean).join("\n\n");
}

function grammarWords(format: Fields, path: string): string {
  if (format.type === "text") {
    refuseOthers(format, path, ["type"]);
    return "";
  }
  if (format.type !== "grammar")
    throw refused(`${path}/type`, `a format of type ${quoted(format.type)} is not known`);
  refuseOthers(format, path, ["type", "syntax", "definition"]);
  const definition = textAt(format.definition, `${path}/definition`);
  return `The input must match this ${textAt(format.syntax, `${path}/syntax`)} grammar:\n${definition}`;
}
