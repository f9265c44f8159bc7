import { AppError } from "../../../errors.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import { type JsonScan, spliceTexts } from "../../../wire/json.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";
import type { ParsedRequest } from "../request.ts";

type Fields = Record<string, unknown>;

/**
 * Returns the text of a request with a persona's system prompt and default parameters. The order is: system prompt,
 * history, the messages of the caller. A default applies only if the caller does not set the parameter. Every other
 * byte stays as it was.
 *
 * @param history earlier messages of the thread, in the chat dialect; only with `chat`
 * @throws AppError `invalid_request` if the dialect has no parameter for one of the persona's defaults
 */
export function personaRequestText(
  { body, text, scan }: ParsedRequest,
  operation: Operation,
  persona: PersonaRow,
  history: readonly Fields[] = [],
): string {
  const dialect = dialects[operation];
  if (!dialect) throw new AppError("invalid_request", `agents have no ${operation}: name an llm`);
  const { defaultParams, systemPrompt } = persona.spec;
  const texts = new Map(dialect.promptTexts(systemPrompt, history, (key) => valueText(text, scan, key)));
  const set: Fields = {};
  for (const [name, value] of Object.entries(defaultParams)) {
    const param = dialect.params?.[name] ?? unsupported;
    if (dialect.params && !param(value, body, set)) throw unsupportedDefault(persona, name, operation);
  }
  for (const [key, value] of Object.entries(set)) texts.set(key, JSON.stringify(value));
  return spliceTexts(text, scan, texts);
}

/** The place of a persona's prompt and parameters in the requests of a dialect. */
interface PersonaDialect {
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
type Param = (value: unknown, body: Fields, set: Fields) => boolean;

const isSet = (value: unknown) => value !== undefined && value !== null;

/** A parameter that is a field of its own. `aliases`: other fields with the same meaning. */
function field(name: string, convert = (value: unknown) => value, aliases: readonly string[] = []): Param {
  return (value, body, set) => {
    if (![name, ...aliases].some((one) => isSet(body[one]))) set[name] = convert(value);
    return true;
  };
}

/** A parameter inside an object, in which the caller may set other fields. */
function within(
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
const unsupported: Param = (value) => value === 0;

const atMostOne = (value: unknown) => Math.min(value as number, 1);
const limits = ["max_tokens", "max_completion_tokens"];

const chat: PersonaDialect = {
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

const system: Pick<PersonaDialect, "promptTexts"> = {
  *promptTexts(prompt, _history, textOf) {
    if (prompt === "") return;
    const own = textOf("system");
    if (own?.startsWith("[")) yield ["system", prepended([{ type: "text", text: prompt }], own)];
    else yield* prefixed("system", prompt, own);
  },
};

const messages: PersonaDialect = {
  ...system,
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

const responses: PersonaDialect = {
  *promptTexts(prompt, _history, textOf) {
    if (prompt !== "") yield* prefixed("instructions", prompt, textOf("instructions"));
  },
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

const dialects: Readonly<Record<Operation, PersonaDialect | undefined>> = {
  chat,
  messages,
  count_tokens: system,
  responses,
  embeddings: undefined,
};

/**
 * `response_format` as the field `format` of an object. The type `text` sets nothing.
 *
 * @param convert turns `json_schema` into the fields beside `type`
 * @param other another type that has the same name in the dialect
 */
function textFormat(object: string, convert: (schema: Fields) => Fields, other?: string): Param {
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
function* prefixed(field: string, prompt: string, own: string | undefined): Iterable<[string, string]> {
  if (own === undefined || own === "null" || own === '""') yield [field, JSON.stringify(prompt)];
  else if (own.startsWith('"')) yield [field, JSON.stringify(`${prompt}\n\n`).slice(0, -1) + own.slice(1)];
}

function prepended(first: readonly unknown[], list: string): string {
  const texts = first.map((value) => JSON.stringify(value));
  return `[${texts.join(",")}${isFilledList(list) ? "," : ""}${list.slice(1)}`;
}

function isFilledList(text: string): boolean {
  return text.startsWith("[") && !/^\[\s*\]$/.test(text);
}

/** The JSON text of a top-level value. Of a key that is there twice, the last value counts, as in JSON.parse. */
function valueText(text: string, scan: JsonScan, key: string): string | undefined {
  const member = scan.members.findLast((one) => one.key === key);
  return member && text.slice(member.start, member.end);
}

function unsupportedDefault(persona: PersonaRow, param: string, operation: Operation): AppError {
  const message = `agent "${persona.name}" sets ${param}, which ${operation} requests cannot have`;
  return new AppError("invalid_request", message, { details: [{ path: "/model", message }] });
}
