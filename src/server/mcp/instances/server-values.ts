import type { NamedValue } from "../../../kinds/mcp-settings.ts";
import { headerFault } from "../../../wire/header-value.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { isExample, isPlaceholder } from "../placeholders.ts";
import type { ReadSecret } from "../types.ts";
import { StartProblem } from "./start-problem.ts";

/** The values of `env` and `headers` of a server, with those of secrets. */
export interface ServerValues {
  env: Record<string, string>;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The values that came from secrets, which must appear in no log and no error. */
  secret: string[];
}

/**
 * Reads the values with which a server starts.
 *
 * @param userKeys the keys of the user whose calls it starts for
 * @throws StartProblem if a secret, or a key of it, does not exist or holds a placeholder; AppError if its backend does
 *   not answer
 */
export async function readValues(
  { spec }: McpServerRow,
  snapshot: Snapshot,
  read: ReadSecret,
  userKeys: Readonly<Record<string, string>>,
): Promise<ServerValues> {
  const secret: string[] = [];
  const oneValue = async (field: string, { name, value, valueFrom }: NamedValue) => {
    const at = `${field} ${name}`;
    if (!valueFrom) return checked(at, value ?? "", false);
    const { secretRef, userKey } = valueFrom;
    if (userKey !== undefined) {
      const own = userKeys[userKey] ?? "";
      secret.push(own);
      return own;
    }
    const { name: secretName, key } = secretRef!;
    const row = snapshot.named("secret", secretName);
    if (!row?.status.keys.includes(key)) {
      const what = row ? `key "${key}" of secret "${secretName}"` : `secret "${secretName}"`;
      throw new StartProblem(
        "SecretMissing",
        `${at}: ${what} does not exist; create it, or change the server`,
      );
    }
    const found = (await read(row))[key] ?? "";
    secret.push(found);
    const from = `${at}, from key "${key}" of secret "${secretName}",`;
    const fault = field === "header" ? headerFault(found) : undefined;
    if (fault !== undefined) throw new StartProblem("SecretUnusable", `${from} cannot be sent: ${fault}`);
    return checked(from, found, true);
  };
  const all = async (field: string, values: readonly NamedValue[] = [], nameOf = (name: string) => name) => {
    const entries: Record<string, string> = {};
    for (const one of values) entries[nameOf(one.name)] = await oneValue(field, one);
    return entries;
  };
  const env = await all("env", spec.env);
  const headers = await all("header", spec.headers, (name) => name.toLowerCase());
  return { env, headers, secret };
}

/** The value itself is never in the error: it can be a secret that only looks like a placeholder. */
function checked(at: string, value: string, isSecret: boolean): string {
  const isEmpty = isSecret && value.trim() === "";
  const isReal = !(isSecret ? isExample(value) : isPlaceholder(value));
  if (!isEmpty && isReal) return value;
  throw new StartProblem(
    "PlaceholderValue",
    `${at} ${isEmpty ? "is empty" : "holds a placeholder"}; put the real value there`,
  );
}
