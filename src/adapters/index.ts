import { type Operation, operations } from "../wire/dialects/operations.ts";
import { anthropic } from "./anthropic.ts";
import { geminiCommand } from "./gemini-cli/adapter.ts";
import { openai } from "./openai.ts";
import type { Adapter } from "./types.ts";

/** Every provider we speak to. A type belongs to one adapter only. */
export const adapters: readonly Adapter[] = [openai, anthropic, geminiCommand];

/** The adapter for an llm's type; undefined for a type that this version does not know. */
export function adapterFor(type: string): Adapter | undefined {
  return adapters.find((adapter) => adapter.types.includes(type));
}

/**
 * Returns the path at which an llm's provider takes an operation as it is; undefined where it does not: a call of a
 * dialect is then translated. OpenAI itself speaks responses unless `responses` is "translated"; others
 * only where it is "native".
 *
 * @param llm The type and the `responses` field of an llm that the adapter serves.
 */
export function nativePathFor(
  { operations: always, optional = [] }: Adapter,
  operation: Operation,
  llm: { type: string; responses?: "native" | "translated" },
): string | undefined {
  if (always.includes(operation)) return operations[operation].path;
  if (!optional.includes(operation)) return undefined;
  const speaks = llm.responses ?? (llm.type === "openai" ? "native" : "translated");
  return speaks === "native" ? operations[operation].path : undefined;
}
