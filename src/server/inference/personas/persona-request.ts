import { AppError } from "../../../errors.ts";
import type { Operation } from "../../../wire/dialects/operations.ts";
import type { JsonScan, ScannedJson } from "../../../wire/json.ts";
import { spliceTexts } from "../../../wire/json-splice.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";
import { personaDialects } from "./dialects/index.ts";
import { unsupported } from "./dialects/persona-dialect.ts";
import { systemPromptOf } from "./persona-prompts.ts";

type Fields = Record<string, unknown>;

/**
 * Returns the text of a request with a persona's system prompt and default parameters. The order is: system prompt, the
 * persona's own prompts, history, the messages of the caller. A default applies only if the caller does not set the parameter. Every other
 * byte stays as it was.
 *
 * @param history earlier messages of the thread, in the chat dialect; only with `chat`
 * @throws AppError `invalid_request` if the dialect has no parameter for one of the persona's defaults
 */
export function personaRequestText(
  { body, text, scan }: ScannedJson,
  operation: Operation,
  persona: PersonaRow,
  snapshot: Snapshot,
  history: readonly Fields[] = [],
): string {
  const dialect = personaDialects[operation];
  if (!dialect) throw new AppError("invalid_request", `agents have no ${operation}: name an llm`);
  const { defaultParams } = persona.spec;
  const systemPrompt = systemPromptOf(snapshot, persona);
  const texts = new Map(dialect.promptTexts(systemPrompt, history, (key) => valueText(text, scan, key)));
  const set: Fields = {};
  for (const [name, value] of Object.entries(defaultParams)) {
    const param = dialect.params?.[name] ?? unsupported;
    if (dialect.params && !param(value, body, set)) throw unsupportedDefault(persona, name, operation);
  }
  for (const [key, value] of Object.entries(set)) texts.set(key, JSON.stringify(value));
  return spliceTexts(text, scan, texts);
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
