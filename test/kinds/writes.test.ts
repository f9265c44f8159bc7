import { expect, it } from "vitest";
import { kinds } from "../../src/kinds/index.ts";
import { allowsWrite, assertWrite } from "../../src/kinds/writes.ts";

it("allows every write on a kind that does not say otherwise, also where an older server says nothing", () => {
  for (const kind of kinds)
    for (const operation of ["create", "update", "delete"] as const)
      expect(allowsWrite(kind, operation), kind.kind).toBe(true);
  expect(allowsWrite({}, "create")).toBe(true);
});

it("throws method_not_allowed for a write that the descriptor leaves out", () => {
  const kind = { plural: "gadgets", writes: ["delete"] } as const;
  expect(() => assertWrite(kind, "delete")).not.toThrow();
  expect(() => assertWrite(kind, "create")).toThrow(
    expect.objectContaining({ code: "method_not_allowed", message: "gadgets cannot be created" }),
  );
  expect(() => assertWrite(kind, "update")).toThrow("gadgets cannot be changed");
});
