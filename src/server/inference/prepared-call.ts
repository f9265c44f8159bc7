import { nativePathFor } from "../../adapters/index.ts";
import { providerDialect } from "../../adapters/provider-dialect.ts";
import type { Quirks } from "../../adapters/quirks/types.ts";
import { translationFor } from "../../adapters/translation/index.ts";
import type { Translation } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { isDialect, isPassed, type Operation, operations } from "../../wire/dialects/operations.ts";
import { capabilitiesOf } from "../core/capabilities.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import type { CallContext } from "./call.ts";
import { withOutputLimit } from "./known-limits.ts";
import { personaModel } from "./personas/persona.ts";
import { type Provider, providerOf } from "./provider.ts";
import {
  hasManyParts,
  modelFor,
  type ParsedRequest,
  type ProviderRequest,
  type ProviderTarget,
  toProviderRequest,
  toProviderRequestInTurns,
} from "./request.ts";

/** A call that is ready to be sent to one llm. */
export interface PreparedCall {
  request: ParsedRequest;
  operation: Operation;
  llm: LlmRow;
  provider: Provider;
  /** Undefined if the provider speaks the caller's dialect. */
  translation: Translation | undefined;
  providerRequest: ProviderRequest;
  quirks: Quirks;
}

/**
 * Makes a call ready for one llm; one with a request of many parts in turns of its own. Throws AppError `invalid_request`.
 */
export function prepare(context: CallContext, llm: LlmRow): PreparedCall | Promise<PreparedCall> {
  const { request, call } = context;
  const target = targetOf(context, llm);
  return hasManyParts(request)
    ? preparedInTurns(request, call.operation, target)
    : prepared(request, call.operation, target, toProviderRequest(request, call.operation, target));
}

async function preparedInTurns(
  request: ParsedRequest,
  operation: Operation,
  target: CallTarget,
): Promise<PreparedCall> {
  return prepared(request, operation, target, await toProviderRequestInTurns(request, operation, target));
}

function prepared(
  request: ParsedRequest,
  operation: Operation,
  { llm, provider, translation, quirks }: CallTarget,
  providerRequest: ProviderRequest,
): PreparedCall {
  return { request, operation, llm, provider, translation, providerRequest, quirks };
}

/** The form in which the provider of an llm takes a call. */
interface CallTarget extends ProviderTarget {
  llm: LlmRow;
  provider: Provider;
}

/** Finds out in which form an llm's provider takes a call. Throws AppError `invalid_request`. */
function targetOf(
  { call, record, request, candidates, snapshot, learned }: CallContext,
  llm: LlmRow,
): CallTarget {
  record.facts.llm = llm;
  const provider = providerOf(llm);
  const { adapter } = provider;
  const own = llm.spec.model;
  const model = call.name === undefined ? own : modelFor(llm, request.body["model"], candidates);
  record.facts.model = model;
  const { operation } = call;
  const known = learned.with(llm, provider.quirksOf(model));
  const quirks = model === own ? withOutputLimit(known, capabilitiesOf(snapshot, llm)) : known;
  const native = nativePathFor(adapter, operation, quirks, llm.spec);
  // Only the agent knows what its own provider takes.
  const dialect = isVirtual(llm)
    ? adapter.dialect
    : providerDialect(adapter, operation, request.body, quirks, llm.spec);
  const isTranslated = isDialect(operation) && (native === undefined || dialect === "responses");
  const translation = isTranslated ? translationFor(operation, dialect) : undefined;
  if (native === undefined && !translation) throw missingOperation(operation, adapter.operations);
  if (isVirtual(llm) && isPassed(operation))
    throw new AppError("invalid_request", `llms of agents take no ${operation}`, {
      hint: "call an llm whose provider the server reaches itself",
    });
  const path = translation ? operations[translation.provider].path : native!;
  return { llm, provider, path, translation, model, quirks };
}

function missingOperation(operation: Operation, taken: readonly Operation[]): AppError {
  const paths = taken.map((one) => operations[one].path);
  return new AppError("invalid_request", `this llm's provider has no ${operation}`, {
    hint: `it has ${paths.join(", ")}`,
  });
}

/** The model name that the caller used. Translated responses and those of personas have it as their `model`. */
export function requestedName({ request: { persona, body }, llm }: PreparedCall): string {
  return (body["model"] as string | undefined) || (persona ? personaModel(persona) : llm.name);
}
