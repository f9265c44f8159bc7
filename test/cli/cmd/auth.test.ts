import { describe, expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

describe("auth can-i", () => {
  it.each([
    [["run", "llms/claude"], { verb: "run", resource: "llms", name: "claude" }],
    [["create", "sec"], { verb: "create", resource: "secrets" }],
    [["view", "audit"], { verb: "view", resource: "audit" }],
    [["run", "backup"], { verb: "run", action: "backup" }],
  ])("asks the server for %j", async (words, body) => {
    for (const allowed of [true, false]) {
      const server = fakeApi({ "POST /api/v1/auth/can-i": { allowed } });
      const { code, stdout } = await cli(["auth", "can-i", ...words], { server });
      expect({ code, stdout }).toEqual(allowed ? { code: 0, stdout: "yes\n" } : { code: 1, stdout: "no\n" });
      expect(server.bodies[0]).toEqual(body);
    }
  });

  it.each([["fly", "llms"], ["run", "llms/"], ["run", "a/b/c"], ["run", "bakcup"], ["run"]])(
    "refuses %j and sends no request",
    async (...words) => {
      const server = fakeApi({});
      expect((await cli(["auth", "can-i", ...words], { server })).code).toBe(2);
      expect(server.requests).toEqual([]);
    },
  );
});
