import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { jsonPath } from "./jsonpath.ts";

/** The output format that `-o` selects. */
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
  throw new AppError("usage", `unknown output format "${text}"`, {
    hint: didYouMean(text, formats) ?? "formats: table, wide, json, yaml, name, jsonpath=EXPR",
  });
}

/** True if `-o json` was given to a verb that prints text or JSON. Throws AppError `usage` for any other format. */
export function wantsJson(output: string | undefined): boolean {
  const { as } = parseFormat(output);
  if (as !== "table" && as !== "json")
    throw new AppError("usage", `-o ${as} is not possible here: this verb prints text, or JSON with -o json`);
  return as === "json";
}
