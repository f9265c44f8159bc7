import { passthroughs } from "../../adapters/passthrough/index.ts";
import type { Quirks } from "../../adapters/quirks/types.ts";
import type { Adapter, Translation } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isDialect, type Operation, operations } from "../../wire/dialects/operations.ts";
import { type JsonScan, spliceTopLevel } from "../../wire/json.ts";
import type { LlmRow, PersonaRow } from "../core/store/typed-rows.ts";
import { poolOf } from "./pools/resolve.ts";

/** A caller's request, parsed. */
export interface CallerRequest {
  body: Record<string, unknown>;
  text: string;
  scan: JsonScan;
  /** The persona it is put to, and is already asked as. */
  agent?: PersonaRow;
}

/** What goes to the provider. */
export interface ProviderRequest {
  path: string;
  text: string;
  /** The provider is asked for the usage that the caller did not ask for: the frame that tells it is kept back. */
  stripUsage: boolean;
}

/** How a provider takes a call. */
export interface Target {
  /** Where the provider takes it. */
  path: string;
  /** Undefined where the provider speaks the caller's dialect. */
  translation: Translation | undefined;
  /** The provider's name for the model. */
  model: string;
  quirks: Quirks;
}

/**
 * Returns the request for the provider: the caller's own bytes with another model name where the provider speaks the
 * caller's dialect, else a translation.
 *
 * @throws AppError `invalid_request`
 */
export function providerRequest(
  caller: CallerRequest,
  operation: Operation,
  { path, translation, model, quirks }: Target,
): ProviderRequest {
  const { body, text, scan } = caller;
  const renamed = body["model"] === model ? {} : { model };
  if (!isDialect(operation)) return { path, text: spliceTopLevel(text, scan, renamed), stripUsage: false };
  dialects[operation].checkRequest(body);
  if (translation)
    return { path, text: JSON.stringify(translation.request(body, model, quirks)), stripUsage: false };
  const { changes, stripUsage } = passthroughs[operation].prepare(body);
  return { path, text: spliceTopLevel(text, scan, { ...renamed, ...changes }), stripUsage };
}

/** The llm or pool that a body names. Throws AppError `invalid_request` when it names none. */
export function requestedModel(body: Record<string, unknown>): string {
  const { model } = body;
  if (typeof model === "string" && model !== "") return model;
  throw new AppError("invalid_request", "model is required", {
    details: [{ path: "/model", message: "is required" }],
  });
}

/**
 * The provider's name for the model, where the path names the llm: its own, unless the llm lets callers choose.
 * A body that names something else is refused.
 *
 * @param candidates all that may answer, this one among them: a caller may name any of them
 */
export function modelFor(llm: LlmRow, asked: unknown, candidates: readonly LlmRow[]): string {
  const own = llm.spec.model;
  if (asked === undefined || asked === null || asked === "") return own;
  const isName = (name: string) => name === asked;
  if (candidates.some((one) => isName(one.spec.model) || isName(one.name) || isName(poolOf(one)))) return own;
  if (llm.spec.allowModelOverride && typeof asked === "string") return asked;
  throw new AppError("invalid_request", `model: this llm answers as "${llm.name}" or "${own}"`, {
    details: [{ path: "/model", message: "is not this llm's" }],
  });
}

/** What can stand in a header's value. */
const printable = /^[\t\x20-\x7e]*$/;

/** What of a caller's headers a provider of the same dialect is to see. Throws AppError `invalid_request`. */
export function forwardedHeaders(
  headers: Headers,
  operation: Operation,
  adapter: Adapter,
): Record<string, string> {
  const { dialect } = operations[operation];
  if (dialect !== adapter.dialect) return {};
  const forwarded: Record<string, string> = {};
  for (const name of dialects[dialect].forwardedHeaders) {
    const value = headers.get(name);
    if (value === null) continue;
    if (!printable.test(value)) throw new AppError("invalid_request", `the header ${name} is not plain text`);
    forwarded[name] = value;
  }
  return forwarded;
}
