import { readPrivateFile, writePrivateFile } from "../../private-file.ts";
import { setMember } from "../../wire/json-members.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";
import { type ConfigPlace, configPath } from "./parse.ts";
import { readAgentConfig } from "./watch.ts";

/** A member of the config and its new value. `=NAME` in a path is the element of a list with that name. */
export interface ConfigChange {
  path: readonly string[];
  value: unknown;
}

/**
 * Changes members of the config. All else in the file stays as it is, byte by byte.
 *
 * @throws AppError `invalid_request` when the file has faults or is open to others; it is not changed then
 */
export function changeConfig(place: ConfigPlace, changes: readonly ConfigChange[]): void {
  const file = configPath(place);
  readAgentConfig(file, place);
  const before = readPrivateFile(file, { secret: false }) ?? "";
  const text = withoutByteOrderMark(before);
  const next = changes.reduce((draft, { path, value }) => setMember(draft, path, value), text);
  if (next !== text) writePrivateFile(file, next);
}
