import { type Operation, operations } from "../wire/dialects/operations.ts";
import { anthropic } from "./anthropic.ts";
import { geminiCommand } from "./gemini-cli/adapter.ts";
import { openai } from "./openai.ts";
import type { ResponsesChoice } from "./provider-dialect.ts";
import type { Quirks } from "./quirks/types.ts";
import type { Adapter } from "./types.ts";

/** Every adapter. A type belongs to one adapter only. */
export const adapters: readonly Adapter[] = [openai, anthropic, geminiCommand];

/** Returns the adapter for an llm's type; undefined for a type that this version does not know. */
export function adapterFor(type: string): Adapter | undefined {
  return adapters.find((adapter) => adapter.types.includes(type));
}

/** Returns true if a URL is the one of the maker of a type, or "", which stands for it. */
export function isMakersUrl(type: string, url: string): boolean {
  return url === "" || adapterFor(type)?.defaultUrls[type] === url;
}

/**
 * Returns the path at which an llm's provider takes an operation as it is; undefined where it does not: a call of a
 * dialect is then translated. An operation that is optional for the adapter is taken where the llm's own setting says
 * "native" or "stateful", or where there is no setting and a quirk names the operation.
 *
 * @param quirks The quirks of the llm.
 * @param settings The llm's own settings, such as `responses`.
 */
export function nativePathFor(
  { operations: always, optional = [] }: Adapter,
  operation: Operation,
  quirks: Quirks,
  settings: Partial<Record<Operation, ResponsesChoice>> = {},
): string | undefined {
  if (always.includes(operation)) return operations[operation].path;
  if (!optional.includes(operation)) return undefined;
  const isNative = settings[operation]
    ? settings[operation] !== "translated"
    : quirks.takes?.includes(operation);
  return isNative ? operations[operation].path : undefined;
}
