import type { NamedValue } from "../../../kinds/mcp-settings.ts";
import { headerFault } from "../../../wire/header-value.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
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

/** Texts that are to be replaced by a value. A server that starts with one fails later, in words of its own. */
const placeholders = [/^<[^<>]*>$/, /^\$\{.*\}$/, /^\{\{.*\}\}$/];

/** Texts that stand in examples where a key belongs. */
const exampleKeys = [
  /^(?:your|my|insert|enter|replace|put)[-_ ].*(?:key|token|secret|password|here)/i,
  /^(?:change|replace|fill)[-_ ]?(?:me|this|in)$/i,
  /^(?:todo|tbd|placeholder|redacted|x{3,}|\*{3,}|\.{3,}|…)$/i,
];

/**
 * Reads the values with which a server starts.
 *
 * @throws StartProblem if a secret, or a key of it, does not exist or holds a placeholder; AppError if its backend does
 *   not answer
 */
export async function readValues(
  { spec }: McpServerRow,
  snapshot: Snapshot,
  read: ReadSecret,
): Promise<ServerValues> {
  const secret: string[] = [];
  const oneValue = async (field: string, { name, value, valueFrom }: NamedValue) => {
    const at = `${field} ${name}`;
    if (!valueFrom) return checked(at, value ?? "", false);
    const { name: secretName, key } = valueFrom.secretRef;
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
  const forms = isSecret ? [...placeholders, ...exampleKeys] : placeholders;
  if (!isEmpty && !forms.some((form) => form.test(value.trim()))) return value;
  throw new StartProblem(
    "PlaceholderValue",
    `${at} ${isEmpty ? "is empty" : "holds a placeholder"}; put the real value there`,
  );
}
