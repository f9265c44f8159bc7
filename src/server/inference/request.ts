import { type FieldNames, fittedFields, leftOutFields } from "../../adapters/passthrough/fitted-fields.ts";
import { fittedValues } from "../../adapters/passthrough/fitted-values.ts";
import { passthroughs } from "../../adapters/passthrough/index.ts";
import type { Quirks } from "../../adapters/quirks/types.ts";
import { droppedFields } from "../../adapters/translation/dropped-fields.ts";
import type { Adapter, Translation } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isDialect, type Operation, operations } from "../../wire/dialects/operations.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import { type ScannedForm, withModelInForm } from "../../wire/form.ts";
import { manyItems, type ScannedJson, scanJson, scanJsonInTurns } from "../../wire/json.ts";
import { spliceTexts, spliceTopLevel } from "../../wire/json-splice.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";
import { wellFormedJson, wellFormedJsonInTurns } from "../../wire/well-formed.ts";
import type { LlmRow, PersonaRow } from "../core/store/typed-rows.ts";
import { isAliasOf } from "./pools/aliases.ts";
import { poolOf } from "./pools/resolve.ts";

/** The body of a caller's request, parsed. */
export interface ParsedRequest extends ScannedJson {
  /** The persona that is called. Its prompt and default parameters are in the body already. */
  persona?: PersonaRow;
  /** Set for a form with files. `body` then has its short fields, and `text` nothing. */
  form?: ScannedForm;
}

/** The request to the provider. */
export interface ProviderRequest {
  path: string;
  /** The body. */
  text: string;
  /** Replaces `text` for a form with files. */
  form?: { parts: readonly Uint8Array[]; contentType: string };
  /** The server asks for a usage frame that the caller did not ask for, and removes it from the response. */
  stripUsage: boolean;
  /** The names of the caller's fields that are left out. */
  dropped: readonly string[];
}

const nothing: readonly string[] = [];

/** The provider's side of a call. */
export interface ProviderTarget {
  /** The path of the operation at the provider. */
  path: string;
  /** Undefined if the provider speaks the caller's dialect. */
  translation: Translation | undefined;
  /** The provider's name for the model. */
  model: string;
  quirks: Quirks;
}

/**
 * Makes the request to the provider; a large one must then be completed. If the provider speaks the caller's dialect, it is the caller's own bytes with
 * another model name; otherwise it is a translation.
 *
 * @throws AppError `invalid_request`
 */
export function toProviderRequest(
  request: ParsedRequest,
  operation: Operation,
  target: ProviderTarget,
): ProviderRequest {
  const converted = convertedRequest(request, operation, target);
  if (converted.text.length <= largeText) converted.text = wellFormedJson(converted.text);
  return converted;
}

/** Does the same in several turns of the event loop, for a request of many parts (T293). */
export async function toProviderRequestInTurns(
  request: ParsedRequest,
  operation: Operation,
  target: ProviderTarget,
): Promise<ProviderRequest> {
  await nextTurn();
  const { translation } = target;
  const converted =
    translation && isDialect(operation)
      ? await translatedInTurns(request, operation, { ...target, translation })
      : convertedRequest(request, operation, target);
  await nextTurn();
  return converted;
}

async function translatedInTurns(
  { body }: ParsedRequest,
  operation: Dialect,
  { path, translation, model, quirks }: ProviderTarget & { translation: Translation },
): Promise<ProviderRequest> {
  const dropped = checkedFields(operation, body, translation, quirks);
  const { requestInTurns } = translation;
  const request = await (requestInTurns?.(body, model, quirks) ?? translation.request(body, model, quirks));
  await nextTurn();
  return { path, text: textWithout(request, quirks), stripUsage: false, dropped };
}

/** True for a request of which a translation takes long in one turn of the event loop. */
export function hasManyParts({ text, scan }: ParsedRequest): boolean {
  return text.length > largeText || scan.items > manyItems;
}

/** Completes a large request, in several turns of the event loop: its strings become well-formed Unicode. */
export async function completeLarge(request: ProviderRequest): Promise<void> {
  request.text = await wellFormedJsonInTurns(request.text);
  await nextTurn();
}

function convertedRequest(
  { body, text, scan, form }: ParsedRequest,
  operation: Operation,
  { path, translation, model, quirks }: ProviderTarget,
): ProviderRequest {
  if (form) {
    const contentType = `multipart/form-data; boundary="${form.boundary}"`;
    return {
      path,
      text,
      form: { parts: withModelInForm(form, model), contentType },
      stripUsage: false,
      dropped: nothing,
    };
  }
  const isRenamed = body["model"] !== model;
  if (!isDialect(operation)) {
    // A count of tokens takes the same history as the call that it is for.
    const prepared = passthroughs[operations[operation].dialect].prepare({ ...body, stream: false }, quirks);
    const changes = { ...prepared.changes };
    if (isRenamed) changes["model"] = model;
    // Counting stores nothing and answers nothing: the provider would not know these fields.
    if (operation === "input_tokens") for (const name of ["store", "include"]) delete changes[name];
    const names = operation === "embeddings" ? withoutFormat(body, quirks) : undefined;
    return { path, text: spliceTopLevel(text, scan, changes, names), stripUsage: false, dropped: nothing };
  }
  if (translation) {
    const dropped = checkedFields(operation, body, translation, quirks);
    const sent = textWithout(translation.request(body, model, quirks), quirks);
    return { path, text: sent, stripUsage: false, dropped };
  }
  dialects[operation].checkRequest(body);
  const prepared = passthroughs[operation].prepare(body, quirks);
  const { stripUsage } = prepared;
  const changes = Object.assign(fittedValues(operation, body, quirks), prepared.changes);
  if (isRenamed) changes["model"] = model;
  const names = fittedFields(operation, body, quirks);
  const sent = spliceTopLevel(text, scan, changes, names);
  return { path, text: sent, stripUsage, dropped: names ? leftOutFields(names, body) : nothing };
}

/** Leaves out a format that the provider refused: the answer gets it here. */
function withoutFormat(
  { encoding_format }: Record<string, unknown>,
  { without }: Quirks,
): FieldNames | undefined {
  const isRefused = encoding_format !== undefined && without?.includes("encoding_format");
  return isRefused ? new Map([["encoding_format", null]]) : undefined;
}

/** Checks a request that is to be translated. Returns the names of the fields that have no counterpart. Throws AppError. */
function checkedFields(
  operation: Dialect,
  body: Record<string, unknown>,
  { caller, provider }: Translation,
  quirks: Quirks,
): readonly string[] {
  dialects[operation].checkRequest(body);
  return droppedFields(caller, body, quirks, provider !== "messages");
}

function textWithout(request: Record<string, unknown>, quirks: Quirks): string {
  for (const name of quirks.without ?? []) delete request[name];
  return JSON.stringify(request);
}

/** Returns a request with other values of top-level fields. */
export function changedRequest(request: ParsedRequest, changes: Record<string, unknown>): ParsedRequest {
  const text = spliceTopLevel(request.text, request.scan, changes);
  const scan = scanJson(text, unlimited);
  return { ...request, body: { ...request.body, ...changes }, text, scan };
}

/**
 * Returns a request with elements behind those of a top-level list, and with other values of other fields. The rest of the
 * text stays as it is; a large one is scanned in several turns of the event loop.
 */
export async function extendedRequest(
  request: ParsedRequest,
  field: string,
  elements: readonly unknown[],
  changes: Record<string, unknown>,
): Promise<ParsedRequest> {
  const { text: before, scan, body } = request;
  const member = scan.members.findLast(({ key }) => key === field);
  const own = member ? before.slice(member.start + 1, member.end - 1).trim() : "";
  const added = elements.map((element) => JSON.stringify(element));
  const texts = new Map(Object.entries(changes).map(([key, value]) => [key, JSON.stringify(value)]));
  texts.set(field, `[${(own === "" ? added : [own, ...added]).join(",")}]`);
  const text = spliceTexts(before, scan, texts);
  const isLarge = text.length > largeText;
  if (isLarge) await nextTurn();
  return {
    ...request,
    text,
    scan: isLarge ? await scanJsonInTurns(text, unlimited) : scanJson(text, unlimited),
    body: { ...body, ...changes, [field]: [...((body[field] as unknown[] | undefined) ?? []), ...elements] },
  };
}

/** The text was within the limits before it was changed. */
const most = Number.POSITIVE_INFINITY;
const unlimited = { maxDepth: most, maxItems: most, maxStructure: most };

/** Bytes of audio and images that count as one character of text, where the provider does not report its usage. */
const bytesPerCharacter = 250;

/** Returns the size of a request, in characters of text. */
export function charactersOf({ text, long, form }: Pick<ParsedRequest, "text" | "long" | "form">): number {
  return form ? Math.ceil(form.bytes.length / bytesPerCharacter) : text.length + (long?.characters ?? 0);
}

/** Returns the most output tokens that a request allows, if it sets a limit. */
export function maxTokensOf(operation: Operation, body: Record<string, unknown>): number | undefined {
  if (operation === "completions") return dialects.chat.maxTokens(body);
  return isDialect(operation) ? dialects[operation].maxTokens(body) : undefined;
}

/** The most answers to one request for which tokens are reserved. */
const maxChoices = 128;

/**
 * Returns the number of answers that a request asks for: OpenAI's `n`, or the more that vLLM makes for `best_of`, to each
 * prompt of older completions.
 */
export function choicesOf({ n, best_of: tried, prompt }: Record<string, unknown>): number {
  const each = Math.max(countOf(n), countOf(tried));
  return Math.min(Math.ceil(each * promptsIn(prompt)), maxChoices);
}

/** Returns the number of prompts: a list of numbers is one, as tokens. */
function promptsIn(prompt: unknown): number {
  return Array.isArray(prompt) && typeof prompt[0] !== "number" ? Math.max(1, prompt.length) : 1;
}

function countOf(value: unknown): number {
  return typeof value === "number" && value >= 1 ? value : 1;
}

/** Returns a model's name without `[1m]`, with which Claude Code asks Anthropic for the large context. */
function withoutContextMark(model: string): string {
  return model.replace(/\[1m\]$/i, "");
}

/** Returns the `model` of a body. Throws AppError `invalid_request` if there is none. */
export function requestedModel(body: Record<string, unknown>): string {
  const { model } = body;
  if (typeof model === "string" && model !== "") return withoutContextMark(model);
  throw new AppError("invalid_request", "model is required", {
    details: [{ path: "/model", message: "is required" }],
  });
}

/** The name of the llm or pool that a request is for: from its persona or its body. Throws AppError. */
export function nameIn({ persona, body }: ParsedRequest): string {
  return persona ? persona.spec.llm : requestedModel(body);
}

/**
 * Returns the provider's name for the model, for a call whose path names the llm. It is the llm's own, or the one in
 * the body if the llm has `allowModelOverride`.
 *
 * @param requested the `model` of the body: empty, or a name of one of the candidates
 * @param candidates all llms that can answer, this one included
 * @throws AppError `invalid_request` if the body names another model
 */
export function modelFor(llm: LlmRow, requested: unknown, candidates: readonly LlmRow[]): string {
  const own = llm.spec.model;
  if (requested === undefined || requested === null || requested === "") return own;
  const bare = typeof requested === "string" ? withoutContextMark(requested) : requested;
  const isName = (name: string) => name === requested || name === bare;
  if (candidates.some((one) => isName(one.spec.model) || isName(one.name) || isName(poolOf(one)))) return own;
  if (typeof bare === "string" && candidates.some((one) => isAliasOf(one, bare))) return own;
  if (llm.spec.allowModelOverride && typeof requested === "string") return requested;
  throw new AppError("invalid_request", `model: this llm answers as "${llm.name}" or "${own}"`, {
    details: [{ path: "/model", message: "is not this llm's" }],
  });
}

/** No header of the caller's belongs to the dialect. */
export const noHeaders: Readonly<Record<string, string>> = {};

/** A value that is safe in a header. */
const printable = /^[\t\x20-\x7e]*$/;

/**
 * Returns the caller's headers that belong to the dialect, for a provider that speaks it. Throws AppError
 * `invalid_request` if one of them is not plain text.
 */
export function forwardedHeaders(
  headers: Pick<Headers, "get">,
  operation: Operation,
  adapter: Adapter,
): Readonly<Record<string, string>> {
  const { dialect } = operations[operation];
  const names = dialects[dialect].forwardedHeaders;
  if (dialect !== adapter.dialect || names.length === 0) return noHeaders;
  const forwarded: Record<string, string> = {};
  for (const name of names) {
    const value = headers.get(name);
    if (value === null) continue;
    if (!printable.test(value)) throw new AppError("invalid_request", `the header ${name} is not plain text`);
    forwarded[name] = value;
  }
  return forwarded;
}
