import { AppError } from "../../errors.ts";
import { nearest } from "../../kinds/names.ts";
import { jsonPath } from "./jsonpath.ts";

export { jsonText } from "../../wire/text.ts";

/** What `-o` asks for. */
export type Format =
  | { as: "table" }
  | { as: "wide" }
  | { as: "json" }
  | { as: "yaml" }
  | { as: "name" }
  | { as: "jsonpath"; textOf: (data: unknown) => string };

export const formats = ["table", "wide", "json", "yaml", "name", "jsonpath"] as const;

/** Reads the value of `-o`. Throws AppError `usage` that suggests the nearest. */
export function parseFormat(text: string | undefined): Format {
  if (text === undefined) return { as: "table" };
  if (text.startsWith("jsonpath="))
    return { as: "jsonpath", textOf: jsonPath(text.slice("jsonpath=".length)) };
  if (text === "jsonpath")
    throw new AppError("usage", "-o jsonpath needs an expression", { hint: "-o jsonpath='{.model}'" });
  const format = formats.find((format) => format === text);
  if (format !== undefined && format !== "jsonpath") return { as: format };
  const near = nearest(text, formats);
  throw new AppError("usage", `unknown output format "${text}"`, {
    hint: near ? `did you mean "${near}"?` : "formats: table, wide, json, yaml, name, jsonpath=EXPR",
  });
}

/** For verbs that print one answer: as JSON, or as text for people. Throws AppError `usage` for any other format. */
export function wantsJson(output: string | undefined): boolean {
  const { as } = parseFormat(output);
  if (as !== "table" && as !== "json")
    throw new AppError("usage", `this verb prints text or -o json, not ${as}`);
  return as === "json";
}
