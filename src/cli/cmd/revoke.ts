import { AppError } from "../../errors.ts";
import type { RoleBinding } from "../../kinds/grants.ts";
import { findKind } from "../../kinds/index.ts";
import { rightsAnswer } from "../client/account-answers.ts";
import { isUnexpectedAnswer } from "../client/answer-text.ts";
import { assertExists } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { ruleSource } from "../kinds/held-rules.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { removeGrant } from "./grant/bindings.ts";
import {
  grantArgs,
  grantFrom,
  grantPhrase,
  grantUsage,
  type Subject,
  subjectNamed,
  subjectPhrase,
} from "./grant/target.ts";

/** `mcpctl revoke USER ROLE KIND[/NAME]` */
export const revoke = defineVerb({
  meta: {
    name: "revoke",
    description: "Take a right from a user, a group or a token",
    about: `Deletes the rbac objects that give just that right to that user, and takes it out of those that give rights on
      whole kinds besides. Rules that also give it to others stay as they are; a warning names those by which the user still
      has it, such as a group.`,
    usage: grantUsage,
    examples: [
      ["mcpctl revoke alice run llms/claude", "Take back what mcpctl grant gave"],
      ["mcpctl revoke group:friends run llms", "Take it from a group"],
    ],
  },
  output: objectFormats,
  args: grantArgs,
  async run({ user, role, on, "dry-run": dryRun }, context) {
    const { terminal } = context;
    const print = await dataPrinter(context.flags.output);
    const subject = subjectNamed(user);
    const taken = await grantFrom(role, on, context);
    const { removed, kept } = await removeGrant({ client: await context.client(), dryRun }, subject, taken);
    const phrase = grantPhrase(taken);
    const who = subjectPhrase(subject);
    // What is deleted may still have rules, so names are looked up only now.
    if (removed.length === 0 && kept.length === 0) await assertNames(subject, taken, context);
    if (removed.length === 0)
      throw new AppError("not_found", `no rbac object gives just ${phrase} to ${who}`, {
        hint:
          kept.length > 0
            ? `rbac/${kept[0]} gives it, with more besides: mcpctl edit rbac ${kept[0]}`
            : subject.kind === "User"
              ? `to see all rules: mcpctl auth can-i --list --as ${subject.name}`
              : "to see all rules: mcpctl get rbac",
      });
    if (print) terminal.out(print({ subject, grant: taken, removed, kept }));
    else {
      const bindings = removed.map((name) => `rbac/${name}`).join(", ");
      terminal.out(`${phrase}: revoked from ${who} (${bindings})${dryRun ? " (dry run)" : ""}\n`);
    }
    await warnOfOthers(subject, { role, taken, removed }, context);
  },
});

/** Throws AppError `not_found`, with the nearest name, if there is no such subject or object. */
async function assertNames(subject: Subject, taken: RoleBinding, context: Context): Promise<void> {
  const named = [{ word: subject.kind.toLowerCase(), name: subject.name }];
  if ("resource" in taken && taken.name !== undefined) named.push({ word: taken.resource, name: taken.name });
  for (const { word, name } of named) {
    const kind = findKind(word);
    if (kind === undefined) continue;
    await assertExists(kind, name, context);
  }
}

/** Warns of rules that still give the same right to a user. Those of `removed` are gone, or go without a dry run. */
async function warnOfOthers(
  subject: Subject,
  {
    role,
    taken,
    removed,
  }: {
    role: string;
    taken: { resource?: string; name?: string; action?: string };
    removed: readonly string[];
  },
  context: Context,
): Promise<void> {
  if (subject.kind !== "User") return;
  const client = await context.client();
  const query = { user: subject.name };
  const rules = await client
    .call("GET", "/api/v1/auth/rights", { query, answer: rightsAnswer })
    .catch((error: unknown) => {
      if (isUnexpectedAnswer(error) || !(error instanceof AppError)) throw error;
      return [];
    });
  const still = rules.filter(
    ({ grant, isStale, binding }) =>
      !isStale &&
      !(binding !== null && removed.includes(binding)) &&
      grant.role === role &&
      grant.action === taken.action &&
      (grant.resource === taken.resource || grant.resource === "*") &&
      (grant.name === undefined || grant.name === taken.name),
  );
  if (still.length === 0) return;
  const sources = still.map((rule) => `${ruleSource(rule)} (${rule.via})`).join(", ");
  warn(context.terminal, `${subjectPhrase(subject)} still has it by ${sources}`);
}
