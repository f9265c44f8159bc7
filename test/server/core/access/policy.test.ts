import { describe, expect, it } from "vitest";
import {
  compilePolicy,
  type Decision,
  decide,
  everything,
  type Grant,
  isVisible,
  mayList,
  mayRun,
  type Policy,
  type Principal,
  type Verb,
} from "../../../../src/server/core/access/policy.ts";
import type { Row } from "../../../../src/server/core/store/types.ts";
import { bound, llm, roles, token, user } from "./policy-fixtures.ts";

const verbs: readonly Verb[] = ["view", "create", "update", "delete", "run", "expose"];

/** The verbs that each role gives. */
const given: Record<(typeof roles)[number], readonly Verb[]> = {
  view: ["view"],
  create: ["create"],
  delete: ["delete"],
  edit: ["view", "create", "update", "delete"],
  run: ["run"],
  expose: ["view", "expose"],
};

const grants: Record<string, (role: (typeof roles)[number]) => Grant> = {
  "on the kind": (role) => ({ role, resource: "llms" }),
  "on the name a": (role) => ({ role, resource: "llms", name: "a", boundTo: bound }),
  "on *": (role) => ({ role, resource: "*" }),
};

/** Rows and names that the decisions are about. */
const targets: Record<string, [name?: string, row?: Row]> = {
  "the kind": [],
  "a, public": ["a", llm("a")],
  "a, private": ["a", llm("a", { visibility: "private" })],
  "a, private and her own": ["a", llm("a", { visibility: "private", owner: "alice" })],
  "a, missing": ["a"],
  "b, public": ["b", llm("b")],
  "b, private": ["b", llm("b", { visibility: "private" })],
  "b, private and her own": ["b", llm("b", { visibility: "private", owner: "alice" })],
  "b, missing": ["b"],
};

/** For a verb that the grant gives. A grant on the name a is tied to bob's row of that name. */
const expected: Record<string, Record<string, Decision>> = {
  "on the kind": {
    "the kind": "allow",
    "a, public": "allow",
    "a, private": "hidden",
    "a, private and her own": "allow",
    "a, missing": "hidden",
    "b, public": "allow",
    "b, private": "hidden",
    "b, private and her own": "allow",
    "b, missing": "hidden",
  },
  "on the name a": {
    "the kind": "forbidden",
    "a, public": "allow",
    "a, private": "allow",
    "a, private and her own": "allow",
    "a, missing": "hidden",
    "b, public": "forbidden",
    "b, private": "forbidden",
    "b, private and her own": "forbidden",
    "b, missing": "forbidden",
  },
  "on *": {
    "the kind": "allow",
    "a, public": "allow",
    "a, private": "allow",
    "a, private and her own": "allow",
    "a, missing": "hidden",
    "b, public": "allow",
    "b, private": "allow",
    "b, private and her own": "allow",
    "b, missing": "hidden",
  },
};

describe("decide", () => {
  const cells = roles.flatMap((role) => Object.keys(grants).map((where) => [role, where] as const));
  it.each(cells)("%s %s", (role, where) => {
    const alice = user("alice", compilePolicy([grants[where]!(role)]));
    for (const verb of verbs) {
      for (const [target, [name, row]] of Object.entries(targets)) {
        const wanted = given[role].includes(verb) ? expected[where]![target] : "forbidden";
        expect(decide(alice, verb, "llms", name, row), `${verb} of ${target}`).toBe(wanted);
        if (where !== "on *")
          expect(decide(alice, verb, "secrets", name, row), `${verb} of another kind`).toBe("forbidden");
      }
    }
  });

  it("returns forbidden without a grant, whether or not the row exists", () => {
    const nobody = user("alice", compilePolicy([]));
    for (const [name, row] of Object.values(targets)) {
      for (const verb of verbs) expect(decide(nobody, verb, "llms", name, row)).toBe("forbidden");
    }
  });

  it("allows the administrator everything on rows that exist", () => {
    const admin = user("admin", everything);
    for (const [target, [name, row]] of Object.entries(targets)) {
      for (const verb of verbs)
        expect(decide(admin, verb, "llms", name, row)).toBe(target.endsWith("missing") ? "hidden" : "allow");
    }
  });

  it.each<[string, Partial<Row>, Decision]>([
    ["the row it was made for", {}, "allow"],
    ["the row it was made for, made private", { visibility: "private" }, "allow"],
    ["the same owner's later row", { id: "llm-later" }, "allow"],
    ["another owner's row", { id: "llm-later", owner: "carol" }, "forbidden"],
    ["another owner's private row", { id: "llm-later", owner: "carol", visibility: "private" }, "hidden"],
    ["a later row without an owner", { id: "llm-later", owner: null }, "forbidden"],
  ])("decides about a grant on a name for %s (T49, T50)", (_, fields, decision) => {
    const alice = user("alice", compilePolicy([grants["on the name a"]!("view")]));
    expect(decide(alice, "view", "llms", "a", llm("a", fields))).toBe(decision);
  });

  it("does not apply a grant on a row without owner to a later row without owner (T50)", () => {
    const orphan: Grant = {
      role: "view",
      resource: "llms",
      name: "a",
      boundTo: { id: "llm-a", owner: null },
    };
    const alice = user("alice", compilePolicy([orphan]));
    expect(decide(alice, "view", "llms", "a", llm("a", { owner: null }))).toBe("allow");
    expect(decide(alice, "view", "llms", "a", llm("a", { owner: null, id: "llm-later" }))).toBe("forbidden");
  });

  it("adds up several grants, and no more", () => {
    const alice = user(
      "alice",
      compilePolicy([
        { role: "view", resource: "llms" },
        { role: "run", resource: "llms", name: "a", boundTo: bound },
      ]),
    );
    expect(decide(alice, "run", "llms", "a", llm("a"))).toBe("allow");
    expect(decide(alice, "view", "llms", "b", llm("b"))).toBe("allow");
    expect(decide(alice, "run", "llms", "b", llm("b"))).toBe("forbidden");
    expect(decide(alice, "update", "llms", "a", llm("a"))).toBe("forbidden");
  });
});

describe("decide for a token", () => {
  const view: Grant = { role: "view", resource: "llms" };
  const run: Grant = { role: "run", resource: "llms" };
  const runA: Grant = { role: "run", resource: "llms", name: "a", boundTo: bound };

  it.each<[string, Policy, Policy, Verb, Row, Decision]>([
    ["both hold it", compilePolicy([run]), compilePolicy([run]), "run", llm("a"), "allow"],
    ["only the token holds it", compilePolicy([run]), compilePolicy([view]), "run", llm("a"), "forbidden"],
    ["only its maker holds it", compilePolicy([view]), compilePolicy([run]), "run", llm("a"), "forbidden"],
    ["its maker is the administrator", compilePolicy([run]), everything, "run", llm("a"), "allow"],
    [
      "its maker is the administrator, who grants it less",
      compilePolicy([view]),
      everything,
      "run",
      llm("a"),
      "forbidden",
    ],
    ["it holds one name of many", compilePolicy([runA]), compilePolicy([run]), "run", llm("a"), "allow"],
    ["it holds another name", compilePolicy([runA]), compilePolicy([run]), "run", llm("b"), "forbidden"],
    [
      "its maker holds only that name",
      compilePolicy([run]),
      compilePolicy([runA]),
      "run",
      llm("b"),
      "forbidden",
    ],
    [
      "the administrator's, asked about a private llm",
      compilePolicy([run]),
      everything,
      "run",
      llm("a", { visibility: "private" }),
      "hidden",
    ],
    [
      "granted a private llm by name",
      compilePolicy([runA]),
      everything,
      "run",
      llm("a", { visibility: "private" }),
      "allow",
    ],
    [
      "granted another's private llm by name, its maker no more",
      compilePolicy([runA]),
      compilePolicy([run]),
      "run",
      llm("a", { visibility: "private" }),
      "hidden",
    ],
    [
      "its maker's own private llm",
      compilePolicy([run]),
      compilePolicy([run]),
      "run",
      llm("a", { visibility: "private", owner: "alice" }),
      "allow",
    ],
  ])("%s (T54, T55)", (_, own, makers, verb, row, decision) => {
    expect(decide(token("alice", own, makers), verb, "llms", row.name, row)).toBe(decision);
  });

  it("can run an operation only if its maker may, too", () => {
    const backup: Grant = { role: "run", action: "backup" };
    expect(mayRun(token("alice", compilePolicy([backup]), compilePolicy([backup])), "backup")).toBe(true);
    expect(mayRun(token("alice", compilePolicy([backup]), compilePolicy([])), "backup")).toBe(false);
    expect(mayRun(token("alice", compilePolicy([]), everything), "backup")).toBe(false);
    expect(mayRun(user("alice", compilePolicy([backup])), "restore")).toBe(false);
    expect(mayRun(user("alice", compilePolicy([{ role: "run", resource: "*" }])), "backup")).toBe(false);
  });
});

describe("decide for the owner of a virtual row", () => {
  const own = llm("a", { owner: "alice", visibility: "private", status: { origin: "virtual" } });
  const allowed: readonly Verb[] = ["view", "run", "delete"];

  it.each(verbs)("%s", (verb) => {
    const alice = user("alice", compilePolicy([]));
    const wanted = allowed.includes(verb) ? "allow" : "forbidden";
    expect(decide(alice, verb, "llms", "a", own)).toBe(wanted);
    expect(decide(user("bob", compilePolicy([])), verb, "llms", "a", own)).toBe("forbidden");
    expect(decide(alice, verb, "llms", "a", { ...own, status: { origin: "static" } })).toBe("forbidden");
  });

  it("does not give a token more than its own grants", () => {
    const nothing = compilePolicy([]);
    const run = compilePolicy([{ role: "run", resource: "llms" }]);
    expect(decide(token("alice", nothing, nothing), "run", "llms", "a", own)).toBe("forbidden");
    expect(decide(token("alice", run, nothing), "run", "llms", "a", own)).toBe("allow");
    expect(decide(token("alice", run, nothing), "view", "llms", "a", own)).toBe("forbidden");
    expect(decide(token("alice", run, nothing), "run", "llms", "b", llm("b"))).toBe("forbidden");
  });

  it("passes the check of routes of its kind, and of no other", () => {
    const alice = { ...user("alice", compilePolicy([])), publishes: new Set(["llms"]) };
    for (const verb of verbs) expect(mayList(alice, verb, "llms")).toBe(allowed.includes(verb));
    expect(mayList(alice, "view", "agents")).toBe(false);
    const withoutGrants = {
      ...token("alice", compilePolicy([]), compilePolicy([])),
      publishes: alice.publishes,
    };
    expect(mayList(withoutGrants, "run", "llms")).toBe(false);
  });
});

describe("mayList", () => {
  it.each<[Grant[], Verb, boolean]>([
    [[{ role: "view", resource: "llms" }], "view", true],
    [[{ role: "view", resource: "llms" }], "run", false],
    [[{ role: "view", resource: "llms", name: "a" }], "view", true],
    [[{ role: "run", resource: "llms", name: "a" }], "view", false],
    [[{ role: "view", resource: "llmsx", name: "a" }], "view", false],
    [[{ role: "edit", resource: "*" }], "update", true],
    [[{ role: "edit", resource: "*" }], "run", false],
    [[{ role: "run", action: "backup" }], "run", false],
    [[], "view", false],
  ])("with %j returns for %s: %s", (held, verb, open) => {
    expect(mayList(user("alice", compilePolicy(held)), verb, "llms")).toBe(open);
  });
});

describe("isVisible for a private row", () => {
  const hidden = llm("a", { visibility: "private" });
  it.each<[string, Principal, boolean]>([
    ["its owner", user("bob", compilePolicy([])), true],
    ["a holder of the whole kind", user("alice", compilePolicy([{ role: "edit", resource: "llms" }])), false],
    ["a holder of *", user("alice", compilePolicy([{ role: "view", resource: "*" }])), true],
    [
      "one who is granted it by name",
      user("alice", compilePolicy([{ role: "run", resource: "llms", name: "a", boundTo: bound }])),
      true,
    ],
    [
      "one who is granted a secret of that name",
      user("alice", compilePolicy([{ role: "view", resource: "secrets", name: "a" }])),
      false,
    ],
  ])("with %s as the reader (T52)", (_, principal, sees) => {
    expect(isVisible(principal, "llms", hidden)).toBe(sees);
  });
});
