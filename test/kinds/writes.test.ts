import { expect, it } from "vitest";
import { kinds } from "../../src/kinds/index.ts";
import { allowsWrite, assertWrite } from "../../src/kinds/writes.ts";

it("allowsWrite is true by default, also for descriptors of older servers", () => {
  for (const kind of kinds.filter(({ kind }) => !["instance", "authorization", "grant"].includes(kind)))
    for (const operation of ["create", "update", "delete"] as const)
      expect(allowsWrite(kind, operation), kind.kind).toBe(true);
  expect(allowsWrite({}, "create")).toBe(true);
});

it("assertWrite throws method_not_allowed for a write that the descriptor leaves out", () => {
  const kind = { plural: "gadgets", writes: ["delete"] } as const;
  expect(() => assertWrite(kind, "delete")).not.toThrow();
  expect(() => assertWrite(kind, "create")).toThrow(
    expect.objectContaining({ code: "method_not_allowed", message: "gadgets cannot be created" }),
  );
  expect(() => assertWrite(kind, "update")).toThrow("gadgets cannot be changed");
});
