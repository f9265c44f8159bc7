import { claudeQuirks } from "./claude.ts";
import { historyQuirks } from "./histories.ts";
import { hostQuirks } from "./hosts.ts";
import { openModelQuirks } from "./open-models.ts";
import { openaiQuirks } from "./openai.ts";
import type { ModelPattern, ModelVersion, QuirkRow, QuirkSubject, Quirks } from "./types.ts";

/** Every known quirk. Where two rows that match set the same field, the later one holds. */
export const quirkRows: readonly QuirkRow[] = [
  ...hostQuirks,
  ...claudeQuirks,
  ...openaiQuirks,
  ...openModelQuirks,
  ...historyQuirks,
];

/** Returns the quirks of an llm: the fields of all rows that match its type, host and model. */
export function quirksOf(llm: QuirkSubject, rows: readonly QuirkRow[] = quirkRows): Quirks {
  let quirks: Quirks = {};
  for (const row of rows) {
    if (!matches(row, llm)) continue;
    const { when: _, source: _source, ...fields } = row;
    quirks = { ...quirks, ...fields };
  }
  return quirks;
}

function matches({ when: { type, host, model } }: QuirkRow, llm: QuirkSubject): boolean {
  if (type !== undefined && type !== llm.type) return false;
  if (typeof host === "string" ? host !== llm.host : host && !host.test(llm.host ?? "")) return false;
  return model === undefined || matchesModel(model, llm.model);
}

/** Returns true if the name of a model fits a pattern. */
export function matchesModel(pattern: ModelPattern, model: string): boolean {
  if (pattern instanceof RegExp) return pattern.test(model);
  const found = pattern.name.exec(model);
  if (!found) return false;
  const version = versionNumber(found[1]!, found[2]);
  const { from, before } = pattern;
  return (!from || version >= numberOf(from)) && (!before || version < numberOf(before));
}

function numberOf(version: ModelVersion): number {
  const [major, minor] = version.split(".");
  return versionNumber(major!, minor);
}

/** A version as a number that grows with it: 406 for 4.6, 410 for 4.10. */
function versionNumber(major: string, minor = "0"): number {
  return Number(major) * 100 + Number(minor);
}
