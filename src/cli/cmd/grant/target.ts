import { AppError } from "../../../errors.ts";
import { grantable, type Role, type RoleBinding, roles } from "../../../kinds/grants.ts";
import { findKind } from "../../../kinds/index.ts";
import { didYouMean } from "../../../kinds/names.ts";
import { actions } from "../../../kinds/operations.ts";
import type { Args } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { subjectOf } from "../../flags/parse-values.ts";
import { parseKindName } from "../../kinds/kind-name.ts";
import { resolveKind } from "../../kinds/resolve-kind.ts";
import { dryRunArg } from "../../manifest/dry-run-arg.ts";

/** The subject of a binding: it gets the right. */
export interface Subject {
  kind: string;
  name: string;
}

/** The words of `grant` and `revoke`. */
export const grantArgs = {
  user: {
    type: "positional",
    description: "A user, or group:NAME or token:NAME",
    complete: "principals",
  },
  role: { type: "positional", options: [...roles], description: "The role" },
  on: {
    type: "positional",
    valueHint: "KIND[/NAME]",
    description: "A kind, one object of it, * for all kinds, or after run an operation",
    complete: "kinds",
  },
  "dry-run": dryRunArg,
} as const satisfies Args;

export const grantUsage = "USER|group:NAME|token:NAME ROLE KIND[/NAME]|OPERATION [flags]";

/** Reads `alice`, `group:friends` or `token:ci`. */
export function subjectNamed(text: string): Subject {
  return text.includes(":") ? subjectOf(text) : { kind: "User", name: text };
}

/** Reads a role and what it is for. A kind that is not known here is asked for at the server. Throws AppError `usage`. */
export async function grantFrom(role: Role, on: string, context: Context): Promise<RoleBinding> {
  if (role === "run") {
    const action = actions.find((one) => one === on);
    if (action) return { role, action };
  }
  if (on === "*") return { role, resource: "*" };
  const { kind: word, name } = parseKindName(on);
  const isKnown = findKind(word) || (grantable as readonly string[]).includes(word);
  const hint = role === "run" && !isKnown ? didYouMean(word, actions) : undefined;
  if (hint !== undefined) throw new AppError("usage", `unknown operation "${word}"`, { hint });
  const resource = isKnown ? (findKind(word)?.plural ?? word) : (await resolveKind(word, context)).plural;
  return { role, resource, ...(name !== undefined && { name }) };
}

/** `run llms/claude`, as it was typed. */
export function grantPhrase(grant: RoleBinding): string {
  if ("action" in grant) return `${grant.role} ${grant.action}`;
  return `${grant.role} ${grant.resource}${grant.name === undefined ? "" : `/${grant.name}`}`;
}

/** `user alice` */
export function subjectPhrase({ kind, name }: Subject): string {
  return `${kind.toLowerCase()} ${name}`;
}
