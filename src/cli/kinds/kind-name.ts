import { AppError } from "../../errors.ts";

/** `llm/claude` in its two parts. The name is undefined where only a kind was given. */
export interface KindAndName {
  kind: string;
  name: string | undefined;
}

/** Splits `KIND/NAME` at its slash, also while it is still being typed: the name of `llm/` is "". */
export function splitKindName(word: string): KindAndName {
  const slash = word.indexOf("/");
  return slash < 0
    ? { kind: word, name: undefined }
    : { kind: word.slice(0, slash), name: word.slice(slash + 1) };
}

/** Splits KIND or `KIND/NAME`. Throws AppError `usage` if a part is empty or there is another slash. */
export function parseKindName(word: string): KindAndName {
  const parts = splitKindName(word);
  if (parts.kind === "" || parts.name === "" || parts.name?.includes("/"))
    throw new AppError("usage", `"${word}" is not KIND/NAME`, { hint: "for example llm/claude" });
  return parts;
}
