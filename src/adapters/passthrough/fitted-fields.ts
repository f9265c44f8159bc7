import type { Dialect } from "../../wire/dialects/types.ts";
import { isObject } from "../../wire/json.ts";
import { tuningFields } from "../quirks/tuning-fields.ts";
import type { Quirks } from "../quirks/types.ts";
import { type Fields, isGiven } from "../translation/request-fields.ts";

/** New names of top-level fields. A field with the name null is left out. */
export type FieldNames = ReadonlyMap<string, string | null>;

/** Settings of sampling that models refuse while they reason, and the values with which they ask for nothing. */
const sampling: Readonly<Record<string, unknown>> = {
  temperature: 1,
  top_p: 1,
  top_k: undefined,
  presence_penalty: 0,
  frequency_penalty: 0,
};

const limitFields = ["max_tokens", "max_completion_tokens"] as const;

/**
 * Returns the fields of a request in the provider's own dialect that have another name at the model, or that the model
 * refuses although they only tune its answer. Undefined where the request passes as it is.
 */
export function fittedFields(dialect: Dialect, body: Fields, quirks: Quirks): FieldNames | undefined {
  const { limitField, sampling: takesSampling, without, thinkingForms } = quirks;
  // Most models have no such quirk.
  const isUsual =
    limitField === undefined && takesSampling !== false && without === undefined && !thinkingForms;
  return isUsual ? undefined : otherFields(dialect, body, quirks);
}

function otherFields(dialect: Dialect, body: Fields, quirks: Quirks): FieldNames | undefined {
  const { limitField, sampling: takesSampling, without, thinkingForms } = quirks;
  const names = new Map<string, string | null>();
  if (dialect === "chat" && limitField) {
    const other = limitFields.find((field) => field !== limitField)!;
    const hasOther = isGiven(body[other]);
    if (hasOther) names.set(other, isGiven(body[limitField]) ? null : limitField);
    // A null that comes second would hold.
    if (hasOther && body[limitField] === null) names.set(limitField, null);
  }
  if (takesSampling === false && reasons(dialect, body, quirks))
    for (const field of Object.keys(sampling)) if (isGiven(body[field])) names.set(field, null);
  for (const field of without ?? [])
    if (isGiven(body[field]) && tuningFields.includes(field)) names.set(field, null);
  if (dialect === "messages" && thinkingForms?.length === 0)
    for (const field of ["thinking", "context_management"])
      if (isThinking(body[field])) names.set(field, null);
  return names.size > 0 ? names : undefined;
}

/** True for thinking that is switched on, and for rules about what of it stays in the history. */
function isThinking(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (Array.isArray(value.edits))
    return value.edits.every((edit) => isObject(edit) && /^clear_thinking/.test(String(edit.type)));
  return value.type === "adaptive" || value.type === "enabled";
}

/** Returns the names of the fields that are left out and ask for something, for the caller. */
export function leftOutFields(names: FieldNames | undefined, body: Fields): readonly string[] {
  if (!names) return [];
  return Array.from(names)
    .filter(([field, name]) => name === null && isGiven(body[field]) && body[field] !== sampling[field])
    .map(([field]) => field)
    .filter((field) => !(limitFields as readonly string[]).includes(field));
}

/** Returns true if a model reasons in a call, as far as the request says: models with the effort `none` may not. */
function reasons(dialect: Dialect, body: Fields, { effortNone, reasonsByDefault }: Quirks): boolean {
  if (dialect === "messages" || !effortNone) return true;
  const effort =
    dialect === "responses" ? (body.reasoning as Fields | null | undefined)?.effort : body.reasoning_effort;
  return isGiven(effort) ? effort !== "none" : reasonsByDefault === true;
}
