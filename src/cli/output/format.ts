import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { jsonPath, valuesAt } from "./jsonpath.ts";

/** The output format that `-o` selects. */
export type Format =
  | { as: "table" }
  | { as: "wide" }
  | { as: "json" }
  | { as: "yaml" }
  | { as: "name" }
  | { as: "jsonpath"; textOf: (data: unknown) => string }
  | { as: "columns"; columns: readonly CustomColumn[] };

/** A column that `-o custom-columns=` defines. */
export interface CustomColumn {
  header: string;
  /** The path that was given, such as `.apiKeyRef.name`. */
  path: string;
  valuesOf: (data: unknown) => unknown[];
}

export const formats = ["table", "wide", "json", "yaml", "name", "jsonpath", "custom-columns"] as const;

/** The name of a format as it is typed. */
export function formatName({ as }: Format): string {
  return as === "columns" ? "custom-columns" : as;
}

/** Reads the value of `-o`. Throws AppError `usage` that suggests the nearest. */
export function parseFormat(text: string | undefined): Format {
  if (text === undefined) return { as: "table" };
  if (text.startsWith("jsonpath="))
    return { as: "jsonpath", textOf: jsonPath(text.slice("jsonpath=".length)) };
  if (text.startsWith("custom-columns="))
    return { as: "columns", columns: customColumns(text.slice("custom-columns=".length)) };
  if (text === "custom-columns")
    throw new AppError("usage", "-o custom-columns needs columns", {
      hint: "-o custom-columns=NAME:.name,MODEL:.model",
    });
  if (text === "jsonpath")
    throw new AppError("usage", "-o jsonpath needs an expression", { hint: "-o jsonpath='{.model}'" });
  const format = formats.find((format) => format === text);
  if (format !== undefined && format !== "jsonpath" && format !== "custom-columns") return { as: format };
  throw new AppError("usage", `unknown output format "${text}"`, {
    hint:
      didYouMean(text, formats) ?? "formats: table, wide, json, yaml, name, jsonpath=EXPR, custom-columns=…",
  });
}

/** True if `-o json` was given to a verb that prints text or JSON. Throws AppError `usage` for any other format. */
export function wantsJson(output: string | undefined): boolean {
  const format = parseFormat(output);
  const { as } = format;
  if (as !== "table" && as !== "json")
    throw new AppError(
      "usage",
      `-o ${formatName(format)} is not possible here: this verb prints text, or JSON with -o json`,
    );
  return as === "json";
}

/** Reads `NAME:.name,MODEL:.model`. Throws AppError `usage`. */
function customColumns(text: string): CustomColumn[] {
  return text.split(",").map((part) => {
    const colon = part.indexOf(":");
    const [header, path] = [part.slice(0, colon).trim(), part.slice(colon + 1).trim()];
    if (colon < 1 || path === "")
      throw new AppError("usage", `-o custom-columns: "${part}" is not HEADER:PATH`, {
        hint: "-o custom-columns=NAME:.name,MODEL:.model",
      });
    return { header, path, valuesOf: valuesAt(path) };
  });
}
