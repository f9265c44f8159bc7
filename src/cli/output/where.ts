import { AppError } from "../../errors.ts";
import { plain } from "./cells.ts";
import { valuesAt } from "./jsonpath.ts";

/** A condition of `--where`. */
export interface FieldCondition {
  path: string;
  value: string;
  isMet(object: unknown): boolean;
}

/** Reads `FIELD=VALUE` or `FIELD!=VALUE`; of a list one element must have the value. Throws AppError `usage`. */
export function conditionFrom(text: string): FieldCondition {
  const [, path, not, value = ""] = /^([^=!]+)(!?)=(.*)$/s.exec(text) ?? [];
  if (path === undefined)
    throw new AppError("usage", `--where: "${text}" is not FIELD=VALUE`, {
      hint: "for example --where status=active or --where type!=ollama",
    });
  const read = valuesAt(path);
  const isEqual = (one: unknown): boolean => {
    if (Array.isArray(one)) return one.some(isEqual);
    return one === null ? value === "null" || value === "" : plain(one) === value;
  };
  return { path, value, isMet: (object) => read(object).some(isEqual) === (not === "") };
}
