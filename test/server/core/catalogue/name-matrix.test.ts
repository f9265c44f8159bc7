import { describe, expect, it } from "vitest";
import { AppError } from "../../../../src/errors.ts";
import { compilePolicy, type Grant } from "../../../../src/server/core/access/policy.ts";
import { checkNames } from "../../../../src/server/core/catalogue/pool-names.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import type { LlmRow } from "../../../../src/server/core/store/typed-rows.ts";
import type { Row } from "../../../../src/server/core/store/types.ts";
import { resolve } from "../../../../src/server/inference/pools/resolve.ts";
import { llm, user } from "../access/policy-fixtures.ts";

/*
 * All ways in which somebody can give an llm a name, a pool and an alias, against all names that calls of alice use. None
 * of them may lead a call of alice to that llm, unless its maker may edit hers or she has admitted it.
 */
const visibilities = ["public", "private"] as const;
type Visibility = (typeof visibilities)[number];

const names = ["m-1", "qwen", "nick", "fam-7", "wanted"];
const pools = [undefined, "own", "qwen", "a-1", "lone", "nick", "fam-7", "wanted"];
const aliases = [
  ...[undefined, "other", "qwen", "a-1", "lone", "nick", "fam-7", "fam-*", "fam-77*", "f*", "wanted", "wan*"],
  ...["anthropic/qwen", "anthropic/nick", "anthropic/fam-*", "*"],
];
/** The names that alice calls: her pool, her llms, an alias, what fits her pattern, and what her project waits for. */
const called = ["qwen", "a-1", "a-2", "lone", "nick", "fam-7", "fam-77", "anthropic/qwen", "wanted"];
/** The names that her pool answers. */
const ofPool = ["qwen", "a-1", "a-2", "anthropic/qwen"];

const alice = user("alice", compilePolicy([{ role: "run", resource: "llms" }]));
const hers = (name: string, visibility: Visibility, spec: object) =>
  llm(name, {
    owner: "alice",
    visibility,
    spec: { model: "m", ...spec } as Row["spec"],
    status: { status: "active" },
  });

function rowsOfAlice(visibility: Visibility, admits: readonly string[]): Row[] {
  return [
    hers("a-1", visibility, { poolName: "qwen", admits }),
    hers("a-2", visibility, { poolName: "qwen", admits }),
    hers("lone", visibility, { aliases: ["nick", "fam-*"] }),
    { ...llm("p", { id: "prj-p", kind: "project", owner: "alice" }), spec: { llmProvider: "wanted" } },
  ];
}

const snapshotOf = (rows: Row[]) =>
  new Snapshot({
    ...{ revision: 1, rows, refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [] },
  });

/** Returns the names of alice that lead to the newcomer; undefined if it was refused. */
function reached(rows: Row[], newcomer: Row, grants: Grant[]): string[] | undefined {
  const principal = user(newcomer.owner!, compilePolicy(grants));
  const { name, owner, spec } = newcomer as LlmRow & Row;
  const { poolName, aliases = [] } = spec;
  try {
    checkNames({ principal, snapshot: snapshotOf(rows), before: undefined, name, owner, poolName, aliases });
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
  const after = snapshotOf([...rows, newcomer]);
  return called.filter((one) => {
    try {
      return resolve(after, alice, one).some(({ id }) => id === newcomer.id);
    } catch (error) {
      if (error instanceof AppError) return false;
      throw error;
    }
  });
}

/** Returns the names of alice that any combination reaches, and how many combinations were let in and refused. */
function allWays(visibility: Visibility, owner: string, grants: Grant[], admits: readonly string[] = []) {
  const rows = rowsOfAlice(visibility, admits);
  const reachedNames = new Set<string>();
  const counts = { allowed: 0, refused: 0 };
  for (const name of names)
    for (const poolName of pools)
      for (const alias of aliases)
        for (const own of visibilities) {
          const spec = { model: "m", ...(poolName && { poolName }), ...(alias && { aliases: [alias] }) };
          const status = { status: "active" };
          const newcomer = llm(name, {
            id: "llm_new",
            owner,
            visibility: own,
            status,
            spec: spec as Row["spec"],
          });
          const found = reached(rows, newcomer, grants);
          counts[found ? "allowed" : "refused"]++;
          for (const one of found ?? []) reachedNames.add(one);
        }
  return { reached: [...reachedNames].sort(), ...counts };
}

describe.each(visibilities)(
  "names, pools and aliases with %s llms of alice (T92, T125, T296)",
  (visibility) => {
    it.each<[string, Grant[]]>([
      ["create", [{ role: "create", resource: "llms" }]],
      ["expose", [{ role: "expose", resource: "llms" }]],
      ["edit of one of two members", [{ role: "edit", resource: "llms", name: "a-1" }]],
      ["run", [{ role: "run", resource: "llms" }]],
    ])("%s alone gets no call of alice", (_right, grants) => {
      const { reached, allowed, refused } = allWays(visibility, "mallory", grants);
      expect(reached).toEqual([]);
      expect(allowed).toBeGreaterThan(10);
      expect(refused).toBeGreaterThan(1000);
    });

    it("an llm that alice admits to her pool gets the calls of the pool, and no others", () => {
      const grants: Grant[] = [{ role: "create", resource: "llms" }];
      expect(allWays(visibility, "mallory", grants, ["m-1"]).reached).toEqual([...ofPool].sort());
    });

    it("alice herself, and who may edit all that she shows, may join each of them", () => {
      const edit: Grant[] = [
        { role: "edit", resource: "llms" },
        { role: "edit", resource: "projects" },
      ];
      const all = expect.arrayContaining(["a-1", "qwen", "wanted"]);
      expect(allWays(visibility, "alice", edit).reached).toEqual(all);
      const { reached } = allWays(visibility, "editor", edit);
      expect(reached).toEqual(visibility === "public" ? all : ["wanted"]);
    });
  },
);
