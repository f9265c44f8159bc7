import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { jsonText } from "../../wire/text.ts";
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

/** The formats besides the text that a verb prints without `-o`. A verb declares those that it prints. */
export const dataFormats = ["wide", "json", "yaml", "name", "jsonpath", "custom-columns"] as const;
export type DataFormat = (typeof dataFormats)[number];
const formats = ["table", ...dataFormats] as const;

/** The formats of a verb as they are typed: `json`, `jsonpath=EXPR`. */
export function typedFormats(printed: readonly DataFormat[]): string[] {
  const typed: Partial<Record<DataFormat, string>> = {
    jsonpath: "jsonpath=EXPR",
    "custom-columns": "custom-columns=…",
  };
  return printed.map((name) => typed[name] ?? name);
}

/**
 * Throws AppError `usage` if a verb does not print a format. `table` names the text that it prints without `-o`.
 *
 * @param verb the words that name it: `config view`
 * @param text the value of `-o`
 */
export function assertPrints(
  verb: string,
  { output = [], insteadOfOutput }: { output?: readonly DataFormat[]; insteadOfOutput?: string },
  text: string,
): void {
  if (output.length === 0)
    throw new AppError("usage", `mcpctl ${verb} prints text only and takes no -o`, {
      hint: insteadOfOutput ?? "leave out -o",
    });
  const name = /^(jsonpath|custom-columns)=/.exec(text)?.[1] ?? text;
  const printed = ["table", ...output];
  if (printed.includes(name)) return;
  const list = `formats: ${typedFormats(output).join(", ")}`;
  if (formats.some((format) => format === name))
    throw new AppError("usage", `mcpctl ${verb} does not print ${name}`, { hint: list });
  throw new AppError("usage", `unknown output format "${text}"`, { hint: didYouMean(text, printed) ?? list });
}

/** Reads the value of `-o`. Throws AppError `usage`. */
export function parseFormat(text: string | undefined): Format {
  if (text === undefined) return { as: "table" };
  if (text.startsWith("jsonpath=") && text !== "jsonpath=")
    return { as: "jsonpath", textOf: jsonPath(text.slice("jsonpath=".length)) };
  if (text.startsWith("custom-columns="))
    return { as: "columns", columns: customColumns(text.slice("custom-columns=".length)) };
  if (text === "custom-columns")
    throw new AppError("usage", "-o custom-columns needs columns", {
      hint: "-o custom-columns=NAME:.name,MODEL:.model",
    });
  if (text === "jsonpath" || text === "jsonpath=")
    throw new AppError("usage", "-o jsonpath needs an expression", { hint: "-o jsonpath='{.model}'" });
  const format = formats.find((format) => format === text);
  if (format !== undefined && format !== "jsonpath" && format !== "custom-columns") return { as: format };
  throw new AppError("usage", `unknown output format "${text}"`);
}

/** The formats of a verb that prints one piece of data. */
export const objectFormats = ["json", "yaml"] as const;

/** Turns data into JSON or YAML; undefined where the verb prints its own text. */
export type DataPrinter = ((data: unknown) => string) | undefined;

/** Returns what prints data as `-o json` or `-o yaml` asks. */
export async function dataPrinter(output: string | undefined): Promise<DataPrinter> {
  const { as } = parseFormat(output);
  if (as === "yaml") return (await import("./yaml.ts")).yamlText;
  return as === "json" ? jsonText : undefined;
}

/** True if `-o json` was given. */
export function wantsJson(output: string | undefined): boolean {
  return parseFormat(output).as === "json";
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
