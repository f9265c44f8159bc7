import { AppError } from "../../errors.ts";
import type { Kind } from "../../kinds/define.ts";
import { validateFields } from "../../kinds/validate.ts";
import { isObject } from "../../wire/json.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { typedName } from "../core/parse.ts";
import { type FieldFlag, flagFor, flagsOf } from "./define.ts";
import { fileText } from "./file-text.ts";
import { endOf, grantOf, namedValueOf, pairsOf, referenceOf, subjectOf } from "./parse-values.ts";
import { setAt, typedValue } from "./schema.ts";
import { newPassword, secretValues } from "./secret-values.ts";

type Source = Pick<Context, "cwd" | "terminal" | "now" | "flags">;

/**
 * The fields that the flags of `create KIND NAME` set. On a terminal a password is asked for if its flag was not given;
 * an empty answer sets none.
 *
 * @throws AppError `usage` with every fault, each with its flag, and never a secret value
 */
export async function fieldsFrom(
  kind: Kind,
  name: string,
  args: Readonly<Record<string, Value>>,
  source: Source,
): Promise<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  const flags = flagsOf(kind).map((flag) => ({ ...flag, typed: `--${typedName(args, flag.name)}` }));
  refuseTwoOfOne(flags.filter(({ name }) => typeof args[name] === "string"));
  for (const flag of flags) {
    const value = await valueFrom(flag, name, args[flag.name], source);
    if (value !== undefined) merge(fields, flag.field.split("."), value);
  }
  if (kind.scopedBy === "project" && source.flags.project !== undefined)
    fields["project"] = source.flags.project;
  const faults = faultsIn(kind, fields, flags, args);
  if (faults.length > 0)
    throw new AppError("usage", faults.join("; "), { hint: `for help: mcpctl create ${kind.kind} --help` });
  return fields;
}

/** A flag with the name under which it was typed. */
type TypedFlag = FieldFlag & { typed: string };

/** Throws AppError `usage` if two of the flags that were given set the same field, such as the text and its file. */
function refuseTwoOfOne(given: readonly TypedFlag[]): void {
  for (const flag of given) {
    const other = given.find((one) => one.field === flag.field);
    if (other !== undefined && other !== flag)
      throw new AppError("usage", `${other.typed} and ${flag.typed} exclude each other`);
  }
}

/** The value that a flag sets; undefined if it was not given. */
async function valueFrom(flag: TypedFlag, name: string, given: Value, source: Source): Promise<unknown> {
  if (flag.hidden) {
    if (given === true) return newPassword(name, source.terminal);
    return (source.terminal.inIsTerminal && (await newPassword(name, source.terminal))) || undefined;
  }
  if (typeof given === "boolean") return given || undefined;
  const texts = given === undefined ? [] : [given].flat();
  const [text] = texts;
  if (text === undefined) return undefined;
  if (flag.parse === "secret") return secretValues(texts, source);
  if (flag.parse === "pairs") return pairsOf(texts, flag.typed);
  if (flag.parse === "file") return fileText(text, source);
  if (flag.parse === "subject") return texts.map((one) => subjectOf(one, flag.typed));
  if (flag.parse === "grant") return texts.map((one) => grantOf(flag.typed, one));
  if (flag.parse === "named") return texts.map(namedValueOf);
  if (flag.parse === "ttl") return endOf(flag.typed, text, source.now());
  if (flag.shape === "map") return pairsOf(texts, flag.typed);
  if (flag.parse === "ref" || flag.shape === "reference") return referenceOf(text, flag.typed);
  if (flag.shape === "list") return texts;
  const value = flag.schema ? typedValue(flag.schema, text) : text;
  if (flag.shape === "json" && typeof value === "string" && /^\s*[[{]/.test(value))
    throw new AppError("usage", `${flag.typed} is not JSON: a quote, a comma or a bracket may be missing`, {
      hint: `in a shell, put it in single quotes: ${flag.typed} '{"name":"value"}'`,
    });
  return value;
}

/** Sets a value. Several flags may set keys of one map: `--url` and `--config` of `config`. */
function merge(fields: Record<string, unknown>, path: readonly string[], value: unknown): void {
  if (!isObject(value) || Object.keys(value).length === 0) setAt(fields, path, value);
  else for (const [key, inner] of Object.entries(value)) merge(fields, [...path, key], inner);
}

function faultsIn(
  kind: Kind,
  fields: Record<string, unknown>,
  flags: readonly TypedFlag[],
  args: Readonly<Record<string, Value>>,
): string[] {
  return validateFields(kind, fields).faults.map(({ path, message }) => {
    const field = path.split("/").slice(1).join(".");
    const flag = flagFor(field, flags);
    if (!flag && field === kind.scopedBy) return `-p ${field.toUpperCase()} ${message}`;
    if (!flag) return `${field} ${message}`;
    const below = innerName(field.slice(flag.field.length + 1), args[flag.name]);
    if (flag.hidden) return `${field} from standard input ${message}`;
    // "is required" and "must be …" go on behind the flag.
    const link = /^(is|must|cannot) /.test(message) ? " " : ": ";
    return `${flag.typed}${below && ` ${below}`}${link}${message}`;
  });
}

/**
 * The name of a field inside that of a flag: `0.resource` is `resource`, or `#1 resource` where the flag was given more
 * than once. In a value of JSON it stays as it is.
 */
function innerName(path: string, given: Value): string {
  const [index = "", ...rest] = path.split(".");
  if (!Array.isArray(given) || !/^\d+$/.test(index)) return path;
  return [...(given.length > 1 ? [`#${Number(index) + 1}`] : []), rest.join(".")].join(" ").trim();
}
