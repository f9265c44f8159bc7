import { AppError } from "../../../errors.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import { type JsonScan, spliceTexts } from "../../../wire/json.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";
import type { CallerRequest } from "../request.ts";

type Fields = Record<string, unknown>;

/**
 * A caller's request as a persona asks it: what the persona is told comes first, then what was said before, then what
 * the caller says; and what the caller leaves open is as the persona has it. Every other byte stays as it was.
 *
 * @param before what was said before, as messages of the chat dialect; only with `chat`
 * @returns the text of the request
 * @throws AppError `invalid_request` where the dialect has no word for one of the persona's defaults
 */
export function asAgent(
  { body, text, scan }: CallerRequest,
  operation: Operation,
  agent: PersonaRow,
  before: readonly Fields[] = [],
): string {
  const dialect = dialects[operation];
  if (!dialect) throw new AppError("invalid_request", `agents have no ${operation}: name an llm`);
  const prompt = agent.spec.systemPrompt;
  const texts = new Map(dialect.told(prompt, before, (key) => valueText(text, scan, key)));
  const set: Fields = {};
  for (const [name, value] of Object.entries(agent.spec.defaultParams)) {
    const param = dialect.params?.[name] ?? unsaid;
    if (dialect.params && !param(value, body, set)) throw wordless(agent, name, operation);
  }
  for (const [key, value] of Object.entries(set)) texts.set(key, JSON.stringify(value));
  return spliceTexts(text, scan, texts);
}

/** How a dialect is told what a persona has to say. */
interface AgentDialect {
  /** Fields, as JSON text, that tell the prompt and what was said before. */
  told(
    prompt: string,
    before: readonly Fields[],
    textOf: (key: string) => string | undefined,
  ): Iterable<[string, string]>;
  /** How the parameters of a chat completion are said; undefined where none are taken, and none are missed. */
  params?: Readonly<Record<string, Param>>;
}

/** Sets a default in `set`, unless the caller's body says it. False where the dialect has no word for the value. */
type Param = (value: unknown, body: Fields, set: Fields) => boolean;

const isSaid = (value: unknown) => value !== undefined && value !== null;

/** A default under a name of its own. `also`: other words for the same. */
function as(field: string, convert = (value: unknown) => value, also: readonly string[] = []): Param {
  return (value, body, set) => {
    if (![field, ...also].some((name) => isSaid(body[name]))) set[field] = convert(value);
    return true;
  };
}

/** A default inside an object, in which the caller may say other things. */
function within(
  object: string,
  field: string,
  convert: (value: unknown) => unknown = (value) => value,
): Param {
  return (value, body, set) => {
    const given = set[object] ?? body[object] ?? {};
    if (typeof given !== "object" || Array.isArray(given)) return true;
    if (isSaid((given as Fields)[field])) return true;
    const converted = convert(value);
    if (converted !== undefined) set[object] = { ...given, [field]: converted };
    return converted !== undefined;
  };
}

/** There is no word for it, and none is needed for what changes nothing. */
const unsaid: Param = (value) => value === 0;

const atMostOne = (value: unknown) => Math.min(value as number, 1);
const limits = ["max_tokens", "max_completion_tokens"];

const chat: AgentDialect = {
  *told(prompt, before, textOf) {
    const own = textOf("messages");
    const first = [...(prompt === "" ? [] : [{ role: "system", content: prompt }]), ...before];
    if (first.length > 0 && own !== undefined && isFilledList(own)) yield ["messages", prepended(first, own)];
  },
  params: {
    temperature: as("temperature"),
    top_p: as("top_p"),
    max_tokens: as("max_tokens", undefined, limits),
    max_completion_tokens: as("max_completion_tokens", undefined, limits),
    stop: as("stop"),
    seed: as("seed"),
    presence_penalty: as("presence_penalty"),
    frequency_penalty: as("frequency_penalty"),
    reasoning_effort: as("reasoning_effort"),
    response_format: as("response_format"),
    verbosity: as("verbosity"),
  },
};

const system: Pick<AgentDialect, "told"> = {
  *told(prompt, _before, textOf) {
    if (prompt === "") return;
    const own = textOf("system");
    if (own?.startsWith("[")) yield ["system", prepended([{ type: "text", text: prompt }], own)];
    else yield* prefixed("system", prompt, own);
  },
};

const messages: AgentDialect = {
  ...system,
  params: {
    temperature: as("temperature", atMostOne),
    top_p: as("top_p"),
    max_tokens: as("max_tokens"),
    max_completion_tokens: as("max_tokens"),
    stop: as("stop_sequences", (value) => [value].flat()),
    reasoning_effort(value, body, set) {
      if (isSaid(body["thinking"])) return true;
      if (value === "none") return as("thinking", () => ({ type: "disabled" }))(value, body, set);
      return within("output_config", "effort")(value === "minimal" ? "low" : value, body, set);
    },
    response_format: textFormat("output_config", (schema) => ({ schema: schema["schema"] })),
  },
};

const responses: AgentDialect = {
  *told(prompt, _before, textOf) {
    if (prompt !== "") yield* prefixed("instructions", prompt, textOf("instructions"));
  },
  params: {
    temperature: as("temperature"),
    top_p: as("top_p"),
    max_tokens: as("max_output_tokens"),
    max_completion_tokens: as("max_output_tokens"),
    reasoning_effort: within("reasoning", "effort"),
    response_format: textFormat("text", (schema) => schema, "json_object"),
    verbosity: within("text", "verbosity"),
  },
};

const dialects: Readonly<Record<Operation, AgentDialect | undefined>> = {
  chat,
  messages,
  count_tokens: system,
  responses,
  embeddings: undefined,
};

/**
 * `response_format` as `format` of an object.
 *
 * @param described what becomes of `json_schema`
 * @param other a type that goes by the same name, besides `text`, which asks for nothing
 */
function textFormat(object: string, described: (schema: Fields) => Fields, other?: string): Param {
  return (value, body, set) => {
    const { type, json_schema } = value as { type?: unknown; json_schema?: unknown };
    if (type === "text") return true;
    const format = within(object, "format", () => {
      if (type === other) return { type };
      if (type !== "json_schema" || typeof json_schema !== "object" || json_schema === null) return undefined;
      return { type, ...described(json_schema as Fields) };
    });
    return format(value, body, set);
  };
}

/** Text before the caller's own text, where it has said any. What is no text is for the provider to refuse. */
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

/** The text of a top-level value: of the last one where a key stands twice, as JSON.parse has it. */
function valueText(text: string, scan: JsonScan, key: string): string | undefined {
  const member = scan.members.findLast((one) => one.key === key);
  return member && text.slice(member.start, member.end);
}

function wordless(agent: PersonaRow, param: string, operation: Operation): AppError {
  const message = `agent "${agent.name}" sets ${param}, for which ${operation} has no word`;
  return new AppError("invalid_request", message, { details: [{ path: "/model", message }] });
}
