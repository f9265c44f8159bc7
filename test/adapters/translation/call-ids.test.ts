import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallIds, ownCallId } from "../../../src/adapters/translation/call-ids.ts";
import { randomId } from "../../../src/adapters/translation/new-id.ts";

/** Every id that a caller may get: https://platform.claude.com/docs/en/api/messages */
const callersForm = /^[a-zA-Z0-9_-]{1,64}$/;

describe("the id of a tool call (case 93)", () => {
  it("comes back to the provider byte for byte, whatever it holds", () => {
    const wrapped = fc.string().map((text) => `mc012345_${text}`);
    const id = fc.oneof(fc.string({ minLength: 1, unit: "binary" }), wrapped, fc.uuid());
    fc.assert(
      fc.property(fc.array(id, { minLength: 1, maxLength: 4 }), (ids) => {
        const made = new CallIds("toolu_", randomId);
        const given = ids.map((one) => made.of(one));
        for (const { id: one } of given) expect(one).toMatch(callersForm);
        expect(new Set(given.map(({ id: one }) => one)).size).toBe(ids.length);
        expect(given.map(({ id: one, own }) => own ?? ownCallId(one))).toEqual(ids);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["functions.read_file:0", /^mc\w{6}_functions-2eread_file-3a0$/],
    ["call_0", /^mc\w{6}_call_0$/],
    ["call_Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1", /^call_Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1$/],
    ["\ud83d", /^mc\w{6}_-ud83d$/],
    [undefined, /^toolu_[0-9a-f]{24}$/],
    [`functions.${"x".repeat(64)}:12`, /^toolu_[0-9a-f]{24}$/],
  ])("%s has the form %s", (id, form) => {
    expect(new CallIds("toolu_", randomId).of(id).id).toMatch(form);
  });

  it("is not changed on the way back where it is no wrapped one", () => {
    for (const id of ["toolu_01Abc", "mc12345_x", "mc123456_a.b", "mc123456_a-", "mc123456_-zz", ""])
      expect(ownCallId(id)).toBe(id);
  });
});
