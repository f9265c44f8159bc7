import { AppError } from "../../../errors.ts";
import { pairOf } from "../../flags/parse-values.ts";

/** Fields of the request that the conversation sets itself. */
const reserved = ["messages", "model", "stream", "stream_options", "thread", "n", "tools"];

/** A field of the request and its value, read as JSON if it is JSON. Throws AppError `usage`. */
export function paramOf(name: string, text: string): [name: string, value: unknown] {
  if (reserved.includes(name)) throw new AppError("usage", `${name} cannot be set: the conversation sets it`);
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new AppError("usage", `"${name}" is not a field of a request`);
  try {
    return [name, JSON.parse(text)];
  } catch {
    return [name, text];
  }
}

/** Reads the values of `--set temperature=0.2`. Throws AppError `usage`. */
export function paramsOf(pairs: readonly string[]): [name: string, value: unknown][] {
  return pairs.map((pair) => paramOf(...pairOf(pair, "--set takes FIELD=VALUE")));
}
