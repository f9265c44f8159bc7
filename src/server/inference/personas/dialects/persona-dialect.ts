type Fields = Record<string, unknown>;

/** The place of a persona's prompt and parameters in the requests of a dialect. */
export interface PersonaDialect {
  /**
   * Returns the fields that carry the prompt and the history, each as JSON text.
   *
   * @param textOf the JSON text of a field of the caller's request
   */
  promptTexts(
    prompt: string,
    history: readonly Fields[],
    textOf: (key: string) => string | undefined,
  ): Iterable<[string, string]>;
  /** By the name of a parameter of a chat completion. Undefined if the operation takes none and needs none. */
  params?: Readonly<Record<string, Param>>;
}

/**
 * Sets a default in `set`, unless the caller's body sets the parameter. Returns false if the dialect has no such
 * parameter or value.
 */
export type Param = (value: unknown, body: Fields, set: Fields) => boolean;

export const isSet = (value: unknown) => value !== undefined && value !== null;

/** A parameter that is a field of its own. `aliases`: other fields with the same meaning. */
export function field(
  name: string,
  convert = (value: unknown) => value,
  aliases: readonly string[] = [],
): Param {
  return (value, body, set) => {
    if (![name, ...aliases].some((one) => isSet(body[one]))) set[name] = convert(value);
    return true;
  };
}

/** A parameter inside an object, in which the caller may set other fields. */
export function within(
  object: string,
  name: string,
  convert: (value: unknown) => unknown = (value) => value,
): Param {
  return (value, body, set) => {
    const given = set[object] ?? body[object] ?? {};
    if (typeof given !== "object" || Array.isArray(given)) return true;
    if (isSet((given as Fields)[name])) return true;
    const converted = convert(value);
    if (converted !== undefined) set[object] = { ...given, [name]: converted };
    return converted !== undefined;
  };
}

/** The dialect has no such parameter. Zero changes nothing and can be left out. */
export const unsupported: Param = (value) => value === 0;

/**
 * `response_format` as the field `format` of an object. The type `text` sets nothing.
 *
 * @param convert turns `json_schema` into the fields beside `type`
 * @param other another type that has the same name in the dialect
 */
export function textFormat(object: string, convert: (schema: Fields) => Fields, other?: string): Param {
  return (value, body, set) => {
    const { type, json_schema } = value as { type?: unknown; json_schema?: unknown };
    if (type === "text") return true;
    const format = within(object, "format", () => {
      if (type === other) return { type };
      if (type !== "json_schema" || typeof json_schema !== "object" || json_schema === null) return undefined;
      return { type, ...convert(json_schema as Fields) };
    });
    return format(value, body, set);
  };
}

/** A text field with the prompt before the caller's own text. If the field is no text, the provider refuses it. */
export function* prefixed(
  field: string,
  prompt: string,
  own: string | undefined,
): Iterable<[string, string]> {
  if (own === undefined || own === "null" || own === '""') yield [field, JSON.stringify(prompt)];
  else if (own.startsWith('"')) yield [field, JSON.stringify(`${prompt}\n\n`).slice(0, -1) + own.slice(1)];
}

/** The JSON text of a list with values before its own. */
export function prepended(first: readonly unknown[], list: string): string {
  const texts = first.map((value) => JSON.stringify(value));
  return `[${texts.join(",")}${isFilledList(list) ? "," : ""}${list.slice(1)}`;
}

export function isFilledList(text: string): boolean {
  return text.startsWith("[") && !/^\[\s*\]$/.test(text);
}
