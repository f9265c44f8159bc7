import { describe, expect, it } from "vitest";
import { grantable } from "../../../../src/kinds/grants.ts";
import { type Action, actions } from "../../../../src/kinds/operations.ts";
import {
  compilePolicy,
  coversPolicy,
  everything,
  type Grant,
  mayRun,
  type Principal,
} from "../../../../src/server/core/access/policy.ts";
import { roles, token, user } from "./policy-fixtures.ts";

const operation = (action: Action): Grant => ({ role: "run", action });
const holding = (...grants: Grant[]) => user("alice", compilePolicy(grants));

/** Every way to hold much without holding one operation. */
function withoutOperation(action: Action): [string, Principal][] {
  const others = actions.filter((other) => other !== action).map(operation);
  const all = compilePolicy([operation(action)]);
  const nothing = compilePolicy([]);
  return [
    ...roles.flatMap((role) =>
      ["*", ...grantable].map((resource): [string, Principal] => [
        `${role} on ${resource}`,
        holding({ role, resource }),
      ]),
    ),
    ["every other operation", holding(...others)],
    ["a token without it, of a user with it", token("alice", nothing, all)],
    ["a token without it, of the administrator", token("admin", compilePolicy(others), everything)],
    ["a token with it, of a user without it", token("alice", all, nothing)],
    [
      "a token with it, made by a token without it",
      { ...token("alice", all, all), policies: [all, nothing, all] },
    ],
  ];
}

describe.each(actions)("the operation %s", (action) => {
  it("is run by those who were granted it, and by the built-in administrator", () => {
    const granted = compilePolicy([operation(action)]);
    expect(mayRun(holding(operation(action)), action)).toBe(true);
    expect(mayRun(user("admin", everything), action)).toBe(true);
    expect(mayRun(token("alice", granted, granted), action)).toBe(true);
    expect(
      mayRun({ ...token("alice", granted, granted), policies: [granted, granted, granted] }, action),
    ).toBe(true);
  });

  it("is neither run nor granted by anybody else", () => {
    for (const [who, principal] of withoutOperation(action)) {
      expect(mayRun(principal, action), who).toBe(false);
      expect(coversPolicy(principal, compilePolicy([operation(action)])), who).toBe(false);
    }
  });
});
