import { Type } from "@sinclair/typebox";
import { describe, expect, it } from "vitest";
import { Bearer, identityAnswer, loginAnswer } from "../../../src/cli/client/account-answers.ts";
import { Id, listOf, Name, objectOf, Time } from "../../../src/cli/client/answers.ts";
import { kindInfos } from "../../../src/cli/client/kind-answers.ts";
import { answerShape, objectShape } from "../../../src/cli/client/shape.ts";
import { kindOf, kinds } from "../../../src/kinds/index.ts";
import { llms } from "../../support/cli/fake-api.ts";

describe("the shape of an answer (T109)", () => {
  it.each([
    [Name, "claude-1", ["", "A", "a/b", "../x", "a b", "a\n", "-a", "a".repeat(101), 5, null]],
    [Id, "llm_01hx", ["", "a/b", "..", "a b", "a\n", {}]],
    [Time, "2026-11-21T11:00:00.123Z", ["now", "2026-11-21", "2026-11-21T11:00:00Z\n", 5]],
    [Bearer, "mcpctl_ses_abc", ["", "a b", "a\nb", "a\u0000", "ä", "a".repeat(5000), 5]],
    [Type.Integer(), 5, [1.5, "5", Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, null]],
    [Type.Boolean(), true, ["true", 1, null]],
    [Type.Array(Name), ["a"], [{}, "a", ["a", "B"]]],
    [Type.Record(Type.String(), Name), { x: "a" }, [[], null, { x: 5 }]],
    [
      Type.Object({ a: Name, b: Type.Optional(Name) }),
      { a: "a", more: {} },
      [{}, { a: "a", b: 5 }, [], null],
    ],
    [Type.Union([Type.Literal("x"), Type.Null()]), "x", ["y", 5]],
  ])("%# takes what fits and nothing else", (schema, right, wrong) => {
    expect(answerShape(schema).faultIn(right)).toBeUndefined();
    for (const value of wrong)
      expect(answerShape(schema).faultIn(value), JSON.stringify(value)).toBeTypeOf("string");
  });

  it("names the place of a fault and repeats nothing of the value", () => {
    const fault = listOf(kindOf("llm")).faultIn([llms[0], { ...llms[1], name: "\u001b[2J" }]);
    expect(fault).toBe("/1/name is no name");
    expect(loginAnswer.faultIn({ token: "a\nb" })).toBe("/token is no token");
    expect(loginAnswer.faultIn({})).toBe("/token is missing");
  });

  it("takes an object of a newer server: unknown fields, and new words in known ones", () => {
    const shape = objectOf(kindOf("llm"));
    expect(
      shape.faultIn({ ...llms[0], weather: ["fine"], type: "a-new-type", tier: "huge" }),
    ).toBeUndefined();
    expect(
      identityAnswer.faultIn({ kind: "User", user: "a", groups: [], admin: false, more: 1 }),
    ).toBeUndefined();
    expect(kindInfos.faultIn(JSON.parse(JSON.stringify(kinds)))).toBeUndefined();
  });

  it("refuses known fields of another type, and descriptors that lead elsewhere", () => {
    const shape = objectOf(kindOf("llm"));
    for (const wrong of [
      { apiKeyRef: "x" },
      { model: 5 },
      { extraConfig: [] },
      { admits: {} },
      { version: "1" },
    ])
      expect(shape.faultIn({ ...llms[0], ...wrong }), JSON.stringify(wrong)).toBeTypeOf("string");
    const [gadget] = JSON.parse(JSON.stringify(kinds)) as Record<string, unknown>[];
    for (const wrong of [
      { plural: "../tokens" },
      { columns: [{ header: {} }] },
      { fields: {} },
      { writeOnly: 5 },
    ])
      expect(kindInfos.faultIn([{ ...gadget, ...wrong }]), JSON.stringify(wrong)).toBeTypeOf("string");
  });

  it("checks types alone where a newer or an older server may differ", () => {
    const schema = Type.Object({ a: Type.Literal("x"), b: Type.Array(Type.Integer({ minimum: 5 })) });
    const shape = objectShape(Type.Object({ name: Name }), [schema]);
    expect(shape.faultIn({ name: "n", a: "y", b: [1] })).toBeUndefined();
    expect(shape.faultIn({ name: "n" })).toBeUndefined();
    expect(shape.faultIn({ name: "n", b: ["1"] })).toBe("/b/0 is not an integer");
    expect(shape.faultIn({ name: "N" })).toBe("/name is no name");
  });

  it("bounds the depth of what no schema describes", () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
    const shape = objectOf(kindOf("llm"));
    for (const field of ["extraConfig", "a-new-field"]) {
      expect(shape.faultIn({ ...llms[0], [field]: nested(60) })).toBeUndefined();
      expect(shape.faultIn({ ...llms[0], [field]: nested(70) })).toContain("is nested too deep");
    }
  });
});
