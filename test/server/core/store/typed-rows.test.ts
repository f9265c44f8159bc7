import { describe, expect, expectTypeOf, it } from "vitest";
import { agent } from "../../../../src/kinds/agent.ts";
import { kinds } from "../../../../src/kinds/index.ts";
import { llm } from "../../../../src/kinds/llm.ts";
import { user } from "../../../../src/kinds/user.ts";
import { Snapshot } from "../../../../src/server/core/store/snapshot.ts";
import { isOf, type RowOf, specOf, statusOf } from "../../../../src/server/core/store/typed-rows.ts";
import type { Row } from "../../../../src/server/core/store/types.ts";
import { row } from "../../../support/row.ts";

const claude: Row = row("llm_1", "llm", "claude", {
  spec: { type: "anthropic", model: "claude-sonnet-5", tier: "heavy" },
  status: { origin: "static", status: "active" },
});
const contents = { refs: [], bearers: [], sessions: [], withPassword: [], lastUsed: [], revision: 1 };

describe("specOf", () => {
  it("returns the very spec of the row, typed by its kind", () => {
    const spec = specOf(llm, claude);
    expect(spec).toBe(claude.spec);
    expect(spec.model).toBe("claude-sonnet-5");
    expectTypeOf(spec.tier).toEqualTypeOf<"fast" | "heavy">();
    expectTypeOf(spec.poolName).toEqualTypeOf<string | undefined>();
    // @ts-expect-error an llm has no field "modle"
    expect(spec.modle).toBeUndefined();
    // @ts-expect-error a tier is one of two words
    expect(spec.tier === "slow").toBe(false);
  });

  it("has no write-only fields, because they are not stored", () => {
    // @ts-expect-error the password of a user is not in its row
    expect(specOf(user, row("usr_1", "user", "alice")).password).toBeUndefined();
  });
});

describe("statusOf", () => {
  it("returns the very status of the row, typed by its kind", () => {
    const status = statusOf(llm, claude);
    expect(status).toBe(claude.status);
    expectTypeOf(status.status).toEqualTypeOf<"active" | "inactive" | "hibernating">();
    // @ts-expect-error the status of an llm has no field "state"
    expect(status.state).toBeUndefined();
  });
});

describe("isOf", () => {
  it("is true for a row of the kind, whose spec then has the types of the kind", () => {
    expect([isOf(llm, claude), isOf(agent, claude), isOf(llm, undefined)]).toEqual([true, false, false]);
    if (isOf(llm, claude)) expectTypeOf(claude.spec.model).toEqualTypeOf<string>();
  });
});

describe("a snapshot", () => {
  const snapshot = new Snapshot({ ...contents, rows: [claude] });

  it("types the rows that are found by the name of their kind", () => {
    expect(snapshot.named("llm", "claude")?.spec.model).toBe("claude-sonnet-5");
    expect(snapshot.table("llm").sorted.map(({ spec }) => spec.tier)).toEqual(["heavy"]);
    // @ts-expect-error an llm has no field "systemPrompt"
    expect(snapshot.named("llm", "claude")?.spec.systemPrompt).toBeUndefined();
  });

  it("returns plain rows where only the type string is known of a kind", () => {
    for (const { kind } of kinds) expectTypeOf(snapshot.table(kind).sorted).toEqualTypeOf<readonly Row[]>();
  });

  it("gives typed rows that are rows", () => {
    expectTypeOf<RowOf<"llm">>().toExtend<Row>();
    expectTypeOf<RowOf<"agent">>().toExtend<Row>();
    expectTypeOf<RowOf<"secretbackend">>().toExtend<Row>();
    expectTypeOf<RowOf<"token">>().toExtend<Row>();
  });
});
