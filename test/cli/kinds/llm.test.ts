import { describe, expect, it } from "vitest";
import { changesTo } from "../../../src/cli/manifest/reconcile.ts";
import { kindOf } from "../../../src/kinds/index.ts";

const live = {
  name: "gpt",
  timeouts: { connect: 5 },
  allowModelOverride: true,
  extraConfig: { note: "mine" },
};
const changes = (fields: Record<string, unknown>) => changesTo(kindOf("llm"), live, fields);

describe("a manifest with settings in extraConfig, as earlier versions exported them", () => {
  it("is no change where the fields of the llm have the same values", async () => {
    const extraConfig = { note: "mine", timeouts: { connect: 5 }, allowModelOverride: true };
    expect(await changes({ extraConfig })).toEqual({});
  });

  it("is sent as it is where a value differs, for the server to move", async () => {
    const extraConfig = { note: "mine", timeouts: { connect: 6 }, allowModelOverride: true };
    expect(await changes({ extraConfig })).toEqual({
      extraConfig: { note: "mine", timeouts: { connect: 6 } },
    });
  });

  it("is sent as it is where it has the field too, for the server to compare them", async () => {
    const fields = { timeouts: { connect: 6 }, extraConfig: { timeouts: { connect: 5 } } };
    expect(await changes(fields)).toEqual(fields);
  });
});
