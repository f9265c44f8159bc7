import { AppError } from "../../errors.ts";
import type { RoleBinding } from "../../kinds/grants.ts";
import { findKind } from "../../kinds/index.ts";
import { nearest } from "../../kinds/names.ts";
import { setAt, typedValue } from "./schema.ts";

const subjects = ["User", "Group", "Token"];
const grantParts = ["role", "resource", "name", "action"];
const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `User:alice`, in any case. */
export function subjectOf(text: string): { kind: string; name: string } {
  const [word = "", name, ...more] = text.split(":");
  const kind = subjects.find((subject) => subject.toLowerCase() === word.toLowerCase());
  if (!kind || !name || more.length > 0)
    throw new AppError("usage", `"${text}" is not a subject`, {
      hint: "such as User:alice, Group:friends or Token:ci",
    });
  return { kind, name };
}

/** `role:view,resource:llms,name:claude` or `role:run,action:backup`; the resource by any of its names. */
export function grantOf(text: string): RoleBinding {
  const grant: Record<string, string> = {};
  for (const part of text.split(",")) {
    const colon = part.indexOf(":");
    const [key, value] = [part.slice(0, colon).trim(), part.slice(colon + 1).trim()];
    if (colon < 0 || !grantParts.includes(key) || value === "" || key in grant) {
      const near = nearest(key, grantParts);
      throw new AppError("usage", `"${part}" in "${text}" is no part of a grant`, {
        hint:
          near && near !== key
            ? `did you mean "${near}"?`
            : "such as role:view,resource:llms,name:claude or role:run,action:backup",
      });
    }
    grant[key] = key === "resource" ? (findKind(value)?.plural ?? value) : value;
  }
  return grant as RoleBinding;
}

/**
 * When something ends: `30d` (also s, m, h, w) from now, `never`, or a time as in RFC 3339.
 *
 * @param now milliseconds since 1970
 * @returns RFC 3339, or null for never
 */
export function endOf(text: string, now: number): string | null {
  if (text === "never") return null;
  const [, count, unit] = text.match(/^(\d{1,6})([smhdw])$/) ?? [];
  if (count && unit && Number(count) > 0)
    return new Date(now + Number(count) * units[unit]! * 1000).toISOString();
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new AppError("usage", `"${text}" is no time`, {
    hint: "such as 12h, 30d, never or 2027-01-31T12:00:00Z",
  });
}

/** `SECRET/KEY`. `flag` is what errors call the place it stands in. */
export function referenceOf(text: string, flag: string): { name: string; key: string } {
  const slash = text.indexOf("/");
  const [name, key] = [text.slice(0, slash), text.slice(slash + 1)];
  // Whoever took it for the place of the credential itself gave that: the error shows none of it.
  if (slash < 1 || key === "")
    throw new AppError("usage", `${flag} takes SECRET/KEY: the name of a secret, and a key in it`);
  return { name, key };
}

/** `["a=1", "b.c=x"]` → `{a: 1, b: {c: "x"}}`: dotted keys nest, values are JSON where they can be. */
export function pairsOf(texts: readonly string[]): Record<string, unknown> {
  const pairs: Record<string, unknown> = {};
  for (const text of texts) {
    const [key, value] = pairOf(text);
    setAt(pairs, key.split("."), typedValue(undefined, value));
  }
  return pairs;
}

/** `k=v` at its first `=`. */
export function pairOf(text: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  // What stands here may be a secret: the error shows none of it.
  if (equals < 1) throw new AppError("usage", "a key, = and a value belong here: K=V");
  return [text.slice(0, equals), text.slice(equals + 1)];
}
