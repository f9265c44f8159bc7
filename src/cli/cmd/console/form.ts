import { isObject, type JsonObject } from "../../../mcp/messages.ts";

/** The most fields of a form. A schema with more has to be written as JSON. */
const maxFields = 200;

/** `json`: anything else, written as JSON. */
export type FieldType = "text" | "number" | "integer" | "boolean" | "choice" | "texts" | "json";

/** One field of a form, as a schema describes it. */
export interface ArgumentField {
  name: string;
  type: FieldType;
  isRequired: boolean;
  description: string;
  /** The values of `choice`. */
  choices: readonly unknown[];
  /** The text that stands in it at first. */
  initial: string;
  /** The value that counts if it stays empty, as JSON. */
  fallback: string | undefined;
}

/** Returns the fields for the properties of a schema, the required ones first. */
export function fieldsOf(schema: unknown): ArgumentField[] {
  const { properties, required } = isObject(schema) ? schema : {};
  const names = Array.isArray(required) ? required : [];
  const fields = Object.entries(isObject(properties) ? properties : {})
    .slice(0, maxFields)
    .map(([name, property]) => fieldOf(name, isObject(property) ? property : {}, names.includes(name)));
  return [
    ...fields.filter(({ isRequired }) => isRequired),
    ...fields.filter(({ isRequired }) => !isRequired),
  ];
}

function fieldOf(name: string, schema: JsonObject, isRequired: boolean): ArgumentField {
  const { title, description, enum: listed, const: only, default: preset } = schema;
  const choices = Array.isArray(listed) ? listed : "const" in schema ? [only] : [];
  const words = [title, description].filter((one) => typeof one === "string" && one !== "");
  return {
    name,
    type: choices.length > 0 ? "choice" : typeOf(schema),
    isRequired,
    description: words.join(": "),
    choices,
    initial: isRequired && choices.length === 1 ? choiceText(choices[0]) : "",
    fallback: preset === undefined ? undefined : JSON.stringify(preset),
  };
}

function typeOf({ type, items, anyOf, oneOf }: JsonObject): FieldType {
  const types = (Array.isArray(type) ? type : [type]).filter((one) => one !== "null");
  if (types.length !== 1 || anyOf !== undefined || oneOf !== undefined) return "json";
  if (types[0] === "string") return "text";
  if (types[0] === "number" || types[0] === "integer" || types[0] === "boolean") return types[0];
  if (types[0] === "array" && isObject(items) && items["type"] === "string" && !items["enum"]) return "texts";
  return "json";
}

/** Returns a choice as it is typed. */
export function choiceText(choice: unknown): string {
  return typeof choice === "string" ? choice : JSON.stringify(choice);
}

/** The values of a form, or what is wrong with its texts, by the names of the fields. */
export type FormResult =
  | { values: JsonObject; faults?: undefined }
  | { faults: ReadonlyMap<string, string>; values?: undefined };

/** Reads the texts of a form. A field that is empty is left out; `""` is an empty text. */
export function readForm(fields: readonly ArgumentField[], texts: ReadonlyMap<string, string>): FormResult {
  const values: [string, unknown][] = [];
  const faults = new Map<string, string>();
  for (const field of fields) {
    const text = texts.get(field.name) ?? "";
    if (text === "") {
      if (field.isRequired) faults.set(field.name, 'required; "" is an empty text');
      continue;
    }
    const { value, fault } = readValue(field, text);
    if (fault === undefined) values.push([field.name, value]);
    else faults.set(field.name, fault);
  }
  // A property may be called __proto__.
  return faults.size > 0 ? { faults } : { values: Object.fromEntries(values) };
}

interface ReadValue {
  value?: unknown;
  fault?: string;
}

function readValue({ type, choices }: ArgumentField, text: string): ReadValue {
  switch (type) {
    case "text":
      return { value: text === '""' ? "" : text };
    case "number":
    case "integer":
      return numberOf(text.trim(), type);
    case "boolean":
      return /^(true|false)$/.test(text.trim())
        ? { value: text.trim() === "true" }
        : { fault: "must be true or false" };
    case "choice": {
      const choice = choices.findIndex((one) => choiceText(one) === text);
      const all = choices.map(choiceText).join(", ");
      return choice < 0 ? { fault: `must be one of ${all.slice(0, 200)}` } : { value: choices[choice] };
    }
    case "texts":
      return text.trimStart().startsWith("[")
        ? jsonOf(text)
        : { value: text.split(",").map((one) => one.trim()) };
    case "json":
      return jsonOf(text);
  }
}

function numberOf(text: string, type: "number" | "integer"): ReadValue {
  const value = Number(text);
  if (!/^[-+]?(\d|\.\d)/.test(text) || !Number.isFinite(value)) return { fault: "must be a number" };
  return type === "integer" && !Number.isInteger(value) ? { fault: "must be a whole number" } : { value };
}

function jsonOf(text: string): ReadValue {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { fault: 'must be JSON, such as {"a": 1}, [1, 2] or "text"' };
  }
}
