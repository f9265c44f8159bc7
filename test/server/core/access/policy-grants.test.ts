import { describe, expect, it } from "vitest";
import {
  compilePolicy,
  covers,
  coversPolicy,
  everything,
  type Grant,
  type Principal,
} from "../../../../src/server/core/access/policy.ts";
import { bound, roles, token, user } from "./policy-fixtures.ts";

describe("covers", () => {
  const alice = (...held: Grant[]) => user("alice", compilePolicy(held));
  const other = { id: "llm-later", owner: "carol" };

  it.each<[string, Principal, Grant, boolean]>([
    ["what one holds", alice({ role: "view", resource: "llms" }), { role: "view", resource: "llms" }, true],
    [
      "on one name what one holds on all",
      alice({ role: "view", resource: "llms" }),
      { role: "view", resource: "llms", name: "a" },
      true,
    ],
    [
      "on all what one holds on one name",
      alice({ role: "view", resource: "llms", name: "a" }),
      { role: "view", resource: "llms" },
      false,
    ],
    [
      "edit as the parts it has",
      alice({ role: "edit", resource: "llms" }),
      { role: "create", resource: "llms" },
      true,
    ],
    [
      "edit from view, create and delete",
      alice(...(["view", "create", "delete"] as const).map((role): Grant => ({ role, resource: "llms" }))),
      { role: "edit", resource: "llms" },
      false,
    ],
    ["run from edit", alice({ role: "edit", resource: "llms" }), { role: "run", resource: "llms" }, false],
    [
      "expose from edit",
      alice({ role: "edit", resource: "llms" }),
      { role: "expose", resource: "llms" },
      false,
    ],
    [
      "view from expose",
      alice({ role: "expose", resource: "llms" }),
      { role: "view", resource: "llms" },
      true,
    ],
    [
      "* from every kind but *",
      alice({ role: "view", resource: "llms" }, { role: "view", resource: "secrets" }),
      { role: "view", resource: "*" },
      false,
    ],
    ["a kind from *", alice({ role: "view", resource: "*" }), { role: "view", resource: "secrets" }, true],
    [
      "an operation one may run",
      alice({ role: "run", action: "backup" }),
      { role: "run", action: "backup" },
      true,
    ],
    [
      "another operation",
      alice({ role: "run", action: "backup" }),
      { role: "run", action: "restore" },
      false,
    ],
    [
      "an operation from run on *",
      alice({ role: "run", resource: "*" }),
      { role: "run", action: "backup" },
      false,
    ],
    [
      "a name, for the row it was made for",
      alice({ role: "run", resource: "llms", name: "a", boundTo: bound }),
      { role: "run", resource: "llms", name: "a", boundTo: bound },
      true,
    ],
    [
      "a name, for another owner's row",
      alice({ role: "run", resource: "llms", name: "a", boundTo: bound }),
      { role: "run", resource: "llms", name: "a", boundTo: other },
      false,
    ],
    [
      "as a token what only the maker holds",
      token("alice", compilePolicy([]), everything),
      { role: "view", resource: "llms" },
      false,
    ],
    ["anything, as the administrator", user("admin", everything), { role: "edit", resource: "*" }, true],
  ])("%s (T54)", (_, principal, grant, may) => {
    expect(covers(principal, grant)).toBe(may);
    expect(coversPolicy(principal, compilePolicy([grant]))).toBe(may);
  });

  it("everything only for a principal that holds everything", () => {
    const roots = roles.map((role): Grant => ({ role, resource: "*" }));
    expect(coversPolicy(user("alice", compilePolicy(roots)), everything)).toBe(false);
    expect(coversPolicy(user("admin", everything), everything)).toBe(true);
    expect(coversPolicy(token("admin", compilePolicy(roots), everything), everything)).toBe(false);
  });
});
