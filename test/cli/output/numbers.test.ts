import { expect, it } from "vitest";
import { costText } from "../../../src/cli/output/numbers.ts";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

it.each([
  [0, "$0.0000"],
  [0.000003, "<$0.0001"],
  [0.0000999, "<$0.0001"],
  [0.0001, "$0.0001"],
  [12.3, "$12.3000"],
])("a cost of %s dollars reads %s", (dollars, text) => {
  expect(costText(dollars)).toBe(text);
});

it("get usage and audit do not say that a cheap call was free", async () => {
  const tokens = { promptTokens: 3, completionTokens: 2 };
  const server = fakeApi({
    "GET /api/v1/usage": [
      { user: "alice", requests: 1, errors: 0, cachedTokens: 0, cost: 0.000003, ...tokens },
    ],
    "GET /api/v1/audit": [
      {
        at: "2026-11-21T10:00:00Z",
        action: "llm_inference_call",
        requestId: "req_1",
        status: 200,
        user: "alice",
        userId: "usr_1",
        tokenId: null,
        cost: 0.000003,
        ...tokens,
      },
    ],
  });
  for (const line of ["get usage", "audit -o wide", "audit req_1"]) {
    const { code, stdout } = await cli(line, { server });
    expect([line, code]).toEqual([line, 0]);
    expect(stdout).toContain("<$0.0001");
  }
});
