import { isObject } from "../../wire/json.ts";

/** The words of every dialect for a choice that names no tool, as OpenAI says them. */
const words: Readonly<Record<string, "auto" | "none" | "required">> = {
  auto: "auto",
  none: "none",
  required: "required",
  any: "required",
};

/**
 * Returns OpenAI's word for a choice that names no tool, which clients also write as an object: `{type: "auto"}`. Returns
 * undefined for any other choice.
 */
export function choiceWord(choice: unknown): "auto" | "none" | "required" | undefined {
  const word = isObject(choice) && Object.keys(choice).length === 1 ? choice.type : choice;
  return typeof word === "string" && Object.hasOwn(words, word) ? words[word] : undefined;
}
