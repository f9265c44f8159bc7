import type { ComponentChildren } from "preact";
import { type FieldForm, type FieldSchema, labelOf, wordsOf } from "../api/schema.ts";
import { AreaField, SelectField, TextField } from "../ui/fields.tsx";
import { NamesField } from "./names-field.tsx";
import { wordText } from "./values.ts";

/** One field of a form, as its schema has it. */
export function SchemaField({
  path,
  schema,
  form,
  value,
  onValue,
  isRequired,
  isHidden,
  suggestions,
  hint = schema.description,
}: {
  path: string;
  schema: FieldSchema;
  form: FieldForm;
  value: string;
  onValue: (value: string) => void;
  isRequired: boolean;
  /** Its value is never shown: it is typed as a password. */
  isHidden?: boolean;
  suggestions?: readonly string[] | undefined;
  hint?: ComponentChildren;
}) {
  const common = {
    label: labelOf(path.slice(path.lastIndexOf(".") + 1)),
    value,
    onValue,
    hint,
    required: isRequired,
  };
  if (form === "choice" || form === "boolean") {
    const words = form === "boolean" ? ["true", "false"] : wordsOf(schema).map(wordText);
    const texts = form === "boolean" ? { true: "yes", false: "no" } : {};
    const empty = schema.default === undefined ? (isRequired ? "choose" : "not set") : undefined;
    return (
      <SelectField
        {...common}
        options={[
          ...(empty === undefined && words.includes(value) ? [] : [["", empty ?? "the default"] as const]),
          ...words.map((word) => [word, texts[word as "true"] ?? word] as const),
        ]}
      />
    );
  }
  if (form === "names") return <NamesField {...common} suggestions={suggestions} />;
  if (form === "long" || form === "json") return <AreaField {...common} rows={form === "long" ? 8 : 3} />;
  return (
    <TextField
      {...common}
      type={isHidden ? "password" : form === "number" ? "number" : "text"}
      {...(form === "number" && { step: "any" })}
      {...(suggestions && { suggestions })}
      {...(form === "reference" && { placeholder: "SECRET/KEY" })}
    />
  );
}
