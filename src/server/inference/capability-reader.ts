import { adapterFor } from "../../adapters/index.ts";
import { capabilitiesIn } from "../../adapters/model-facts.ts";
import { llm as llmKind } from "../../kinds/llm.ts";
import type { Capabilities } from "../../kinds/llm-settings.ts";
import { type LlmType, ownMachineTypes } from "../../kinds/provider-types.ts";
import { uncompressed } from "../../net/inflated-response.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { modelsPath } from "../../wire/dialects/operations.ts";
import { hopsHeader } from "../../wire/hops.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { isVirtual, type LlmRow, specOf } from "../core/store/typed-rows.ts";
import type { Row } from "../core/store/types.ts";
import { providerOf } from "./provider.ts";
import { isSuccess } from "./provider-response.ts";

/** The largest answer that is read. OpenRouter's list has about a megabyte. */
const maxBytes = 8 * 1024 * 1024;

/** The time between two readings of an llm, and the time after which a reading that failed is tried again. Milliseconds. */
export const readingInterval = 24 * 60 * 60 * 1000;
export const retryInterval = 60 * 60 * 1000;

/** The most llms of one run. */
const maxReadings = 10;

/** Returns some llms whose capabilities are not known or were read a day ago. Agents tell those of their llms themselves. */
export function dueForReading(snapshot: Snapshot, now: number): LlmRow[] {
  const isDue = (llm: LlmRow) =>
    !isVirtual(llm) && (snapshot.volatile.capabilities.get(llm.id)?.at ?? 0) <= now - readingInterval;
  return snapshot
    .table("llm")
    .sorted.filter((llm) => isDue(llm) && adapterFor(llm.spec.type)?.isCommand === undefined)
    .slice(0, maxReadings);
}

/** True if a change of an llm may have made it another model. */
export function isOtherModel(before: Row, after: Row | undefined): boolean {
  const placeOf = (row: Row) => `${specOf(llmKind, row).url} ${specOf(llmKind, row).model}`;
  return !after || placeOf(before) !== placeOf(after);
}

/** A page of a provider that says more of a model than its list does. */
interface ModelPage {
  method: "GET" | "POST";
  /** The path below the base URL without `/v1`. */
  path: string;
}

const llamaPage: ModelPage = { method: "GET", path: "/props" };

/** The pages by type: Ollama's of one model, the properties of llama.cpp, LM Studio's own list. */
const pages: Readonly<Partial<Record<LlmType, ModelPage>>> = {
  ollama: { method: "POST", path: "/api/show" },
  "llama.cpp": llamaPage,
  lmstudio: { method: "GET", path: "/api/v0/models" },
};

/** A provider whose list of models has answered. */
export interface AskedProvider {
  llm: LlmRow;
  key: string | undefined;
  list: ProviderResponse;
  outbound: Outbound;
  /** Milliseconds for a further request. */
  timeout: number;
}

/** Returns what a provider tells of a model, in its list and on the page that its type has. Never throws. */
export async function readCapabilities({
  llm,
  key,
  list,
  outbound,
  timeout,
}: AskedProvider): Promise<Capabilities> {
  const { model, type } = llm.spec;
  const isOwnMachine = ownMachineTypes.has(type);
  const entry = entryOf(await bodyOf(list), model, isOwnMachine);
  const told = capabilitiesIn(entry);
  const page = pages[type] ?? (entry?.["owned_by"] === "llamacpp" ? llamaPage : undefined);
  if (!page) return told;
  const { headers, url } = providerOf(llm);
  const target = new URL(url(modelsPath));
  target.pathname = target.pathname.replace(/(?:\/v1)?\/models$/, page.path);
  try {
    const response = await outbound(target, {
      method: page.method,
      headers: { ...headers(key), [hopsHeader]: "1", "content-type": "application/json" },
      ...(page.method === "POST" && { body: JSON.stringify({ model }) }),
      timeouts: { connect: timeout, firstByte: timeout, silence: timeout },
      signal: AbortSignal.timeout(timeout),
    });
    const body = await bodyOf(uncompressed(response));
    return { ...told, ...capabilitiesIn(entryOf(body, model, isOwnMachine) ?? body) };
  } catch {
    return told;
  }
}

/** Reads the JSON of a success; undefined for anything else. */
async function bodyOf(response: ProviderResponse): Promise<Record<string, unknown> | undefined> {
  try {
    const body = isSuccess(response) ? parsedObject(await response.text(maxBytes)) : undefined;
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  } finally {
    response.cancel();
  }
}

/**
 * Finds a model in a list of models.
 *
 * @param isAlone True if a list of one model is a list of this model, whatever it is called there.
 */
function entryOf(
  body: Record<string, unknown> | undefined,
  model: string,
  isAlone: boolean,
): Record<string, unknown> | undefined {
  const list = body?.["data"] ?? body?.["models"];
  if (!Array.isArray(list)) return undefined;
  const entries = list.filter(isObject);
  const names = [model, `${model}:latest`];
  const found = entries.find((entry) => names.some((name) => entry["id"] === name || entry["name"] === name));
  return found ?? (isAlone && entries.length === 1 ? entries[0] : undefined);
}
