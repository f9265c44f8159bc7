import type { RuleAnswer } from "../client/account-answers.ts";
import { table } from "../output/table.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The grant of a rule in words: the role, then what it is for. */
export function grantWords({
  grant: { role, resource, name, action },
}: RuleAnswer): [role: string, on: string] {
  if (action !== undefined) return [role, action];
  if (resource === undefined) return [role, "-"];
  return [role, name === undefined ? resource : `${resource}/${name}`];
}

/** The object that gives a rule: `rbac/friends`, the token itself, or that it is built in. */
export function ruleSource({ binding, via }: RuleAnswer): string {
  if (binding !== null) return `rbac/${binding}`;
  return via.startsWith("token ") ? via.replace(" ", "/") : "built in";
}

/** A table of rules. Rules of several holders, as of a token and of its user, have a column that tells them apart. */
export function rulesTable(rules: readonly RuleAnswer[], { columns, color }: Terminal): string {
  const holders = new Set(rules.map(({ holder }) => holder));
  const several = holders.size > 1;
  const rows = rules.map((rule) => [
    ...grantWords(rule),
    `${ruleSource(rule)}${rule.isStale ? " (its object was deleted: gives nothing)" : ""}`,
    rule.via,
    ...(several ? [rule.holder] : []),
  ]);
  const headers = ["MAY", "ON", "RULE", "THROUGH", ...(several ? ["HOLDER"] : [])];
  return table(headers, rows, { columns, color, headers: true });
}
