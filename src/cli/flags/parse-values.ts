import { AppError } from "../../errors.ts";
import { type RoleBinding, roles } from "../../kinds/grants.ts";
import { findKind } from "../../kinds/index.ts";
import type { NamedValue } from "../../kinds/mcp-settings.ts";
import { didYouMean, nearest } from "../../kinds/names.ts";
import { actions } from "../../kinds/operations.ts";
import { mentionsSecret } from "../../kinds/secret-mention.ts";
import { setAt, typedValue } from "./schema.ts";

const subjects = ["User", "Group", "Token"];
const grantParts = ["role", "resource", "name", "action"];
const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Reads `User:alice`; the kind in upper or lower case.
 *
 * @param flag its name, for the error; a word has none
 */
export function subjectOf(text: string, flag?: string): { kind: string; name: string } {
  const [word = "", name, ...more] = text.split(":");
  const kind = subjects.find((subject) => subject.toLowerCase() === word.toLowerCase());
  if (!kind || !name || more.length > 0)
    throw new AppError("usage", `${flag === undefined ? "" : `${flag}: `}"${text}" is not a subject`, {
      hint: "write User:alice, Group:friends or Token:ci",
    });
  return { kind, name };
}

const secretScheme = "secret://";
const userKeyScheme = "user://";

/** Reads `NAME=VALUE`, `NAME=secret://SECRET/KEY` or `NAME=user://KEY`, a variable or header of an MCP server. */
export function namedValueOf(text: string): NamedValue {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new AppError("usage", "a variable or header has no name", {
      hint: "write NAME=VALUE, NAME=secret://SECRET/KEY or NAME=user://KEY",
    });
  const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
  if (value.startsWith(userKeyScheme))
    return { name, valueFrom: { userKey: value.slice(userKeyScheme.length) } };
  if (!value.startsWith(secretScheme)) {
    if (!mentionsSecret(value)) return { name, value };
    throw new AppError(
      "usage",
      `the value of ${name} would be sent as it is written, and not as a secret or key`,
      {
        hint: `write ${name}=secret://SECRET/KEY, or ${name}=user://KEY for a key that each user gives; it is the whole value`,
      },
    );
  }
  const secretRef = referenceOf(value.slice(secretScheme.length), name);
  return { name, valueFrom: { secretRef } };
}

/**
 * Reads `role:view,resource:llms,name:claude` or `role:run,action:backup`. Any name of the kind is accepted.
 *
 * @param flag its name, for the error
 */
export function grantOf(flag: string, text: string): RoleBinding {
  const grant: Record<string, string> = {};
  for (const part of text.split(",")) {
    const colon = part.indexOf(":");
    const [key, value] = [part.slice(0, colon).trim(), part.slice(colon + 1).trim()];
    if (colon < 0 || !grantParts.includes(key) || value === "" || key in grant) {
      const near = nearest(key, grantParts);
      throw new AppError(
        "usage",
        `${flag}: "${part}"${part === text ? "" : ` in "${text}"`} is not a part of a grant`,
        {
          hint:
            near && near !== key
              ? `did you mean "${near}"?`
              : "write role:view,resource:llms,name:claude or role:run,action:backup",
        },
      );
    }
    if (key === "role" && !(roles as readonly string[]).includes(value))
      throw new AppError("usage", `${flag}: there is no role "${value}"`, {
        hint: didYouMean(value, roles) ?? `roles: ${roles.join(", ")}`,
      });
    if (key === "resource" && (actions as readonly string[]).includes(value))
      throw new AppError("usage", `${flag}: "${value}" is an operation, and no resource`, {
        hint: `write role:run,action:${value}`,
      });
    grant[key] = key === "resource" ? (findKind(value)?.plural ?? value) : value;
  }
  return grant as RoleBinding;
}

/**
 * Reads the end of something: `30d` (also s, m, h, w) from now, `never`, or a time in the form of RFC 3339.
 *
 * @param flag its name, for the error
 * @param now milliseconds since 1970
 * @returns RFC 3339, or null for never
 */
export function endOf(flag: string, text: string, now: number): string | null {
  if (text === "never") return null;
  const [, count, unit] = text.match(/^(\d{1,6})([smhdw])$/) ?? [];
  if (count && unit && Number(count) > 0)
    return new Date(now + Number(count) * units[unit]! * 1000).toISOString();
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new AppError("usage", `${flag}: "${text}" is not a time`, {
    hint: "write 12h, 30d, never or 2027-01-31T12:00:00Z",
  });
}

/** Reads `SECRET/KEY`. `flag` is its name in errors. */
export function referenceOf(text: string, flag: string): { name: string; key: string } {
  const slash = text.indexOf("/");
  const [name, key] = [text.slice(0, slash), text.slice(slash + 1)];
  // Users may give the credential itself by mistake: the error does not show the text.
  if (slash < 1 || key === "")
    throw new AppError("usage", `${flag} takes SECRET/KEY: the name of a secret, and a key in it`);
  return { name, key };
}

/**
 * Reads `["a=1", "b.c=x"]` as `{a: 1, b: {c: "x"}}`: dotted keys nest, and values are JSON if they can be.
 *
 * @param flag its name, for the error
 */
export function pairsOf(texts: readonly string[], flag: string): Record<string, unknown> {
  const pairs: Record<string, unknown> = {};
  for (const text of texts) {
    const [key, value] = pairOf(text, `${flag} takes KEY=VALUE`);
    setAt(pairs, key.split("."), typedValue(undefined, value));
  }
  return pairs;
}

/** Splits `k=v` at its first `=`. `fault` is the message of the error. */
export function pairOf(text: string, fault: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  // The text may be a secret: the error does not show it.
  if (equals < 1) throw new AppError("usage", fault);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
