import type { Fault } from "../../errors.ts";
import { unstorable, unstorableTexts } from "../../kinds/storable-text.ts";

/**
 * Returns the faults of an entry with those of texts that have a NUL. Such a text reaches a program as an argument or a
 * variable, and the error of the system would repeat it (T325).
 *
 * @param faults the other faults of the entry; left out where the text of the same field has a NUL
 */
export function withTextFaults(entry: unknown, faults: readonly Fault[]): Fault[] {
  const texts = [...unstorableTexts(entry)].map((path) => ({ path, message: unstorable }));
  const known = new Set(texts.map(({ path }) => path));
  return [...texts, ...faults.filter(({ path }) => !known.has(path))];
}
