import { AppError } from "../../../errors.ts";
import { pairOf } from "../../flags/texts.ts";

/** Fields that the conversation sets itself. */
const own = ["messages", "model", "stream", "stream_options", "thread", "n", "tools"];

/** A field of the request and its value, JSON where it is JSON. Throws AppError `usage`. */
export function paramOf(name: string, text: string): [name: string, value: unknown] {
  if (own.includes(name)) throw new AppError("usage", `${name} is for the conversation to set`);
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new AppError("usage", `"${name}" is no field of a request`);
  try {
    return [name, JSON.parse(text)];
  } catch {
    return [name, text];
  }
}

/** `--set temperature=0.2`. Throws AppError `usage`. */
export function paramsOf(pairs: readonly string[]): [name: string, value: unknown][] {
  return pairs.map((pair) => paramOf(...pairOf(pair)));
}
