import { expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

const group = { id: "grp_1", name: "g", version: 1, members: [], limits: { costPerDay: 1 } };

it("create prints the warnings of the server on stderr, each on one line", async () => {
  const warnings = ["the limit in dollars refuses calls of llms without a price: gpt", "a\nb", 7];
  const server = fakeApi({ "POST /api/v1/groups": { ...group, warnings } });
  const { code, stdout, stderr } = await cli("create group g --limit costPerDay=1", { server });
  expect([code, stdout]).toEqual([0, "group 'g' created (id: grp_1)\n"]);
  expect(stderr.split("\n")).toEqual([
    expect.stringContaining("group 'g': the limit in dollars refuses calls of llms without a price: gpt"),
    expect.stringMatching(/group 'g': a\\nb$/),
    "",
  ]);
});

it("create prints no warning where the server has none", async () => {
  const server = fakeApi({ "POST /api/v1/groups": group });
  expect((await cli("create group g --limit costPerDay=1", { server })).stderr).toBe("");
});
