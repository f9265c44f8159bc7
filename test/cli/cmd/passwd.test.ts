import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

describe("passwd", () => {
  const answers = { "POST /api/v1/auth/passwd": undefined };

  it("asks for the current password and twice for the new one", async () => {
    const server = fakeApi(answers);
    const outcome = await cli("passwd", { server, answers: ["old", "newnewnew", "newnewnew"] });
    expect(outcome).toMatchObject({ code: 0, stdout: "password set\n" });
    expect(outcome.prompts.every((question) => question.endsWith("(hidden)"))).toBe(true);
    expect(server.bodies).toEqual([{ current: "old", password: "newnewnew" }]);
  });

  it("sends nothing if the two new passwords differ", async () => {
    const server = fakeApi(answers);
    expect((await cli("passwd", { server, answers: ["old", "newnewnew", "newnewneW"] })).code).toBe(1);
    expect(server.requests).toEqual([]);
  });

  it("does not ask for the current password over the Unix socket", async () => {
    const server = fakeApi(answers, { unix: join(newHome(), "s.sock") });
    const { code, prompts } = await cli("passwd", { server, answers: ["newnewnew", "newnewnew"] });
    expect({ code, prompts: prompts.length }).toEqual({ code: 0, prompts: 2 });
    expect(server.bodies).toEqual([{ password: "newnewnew" }]);
  });

  it("reads one or two lines of standard input", async () => {
    const server = fakeApi(answers);
    await cli("passwd --password-stdin", { server, stdin: "newnewnew\n" });
    await cli("passwd --password-stdin", { server, stdin: "old\nnewnewnew" });
    expect(server.bodies).toEqual([{ password: "newnewnew" }, { current: "old", password: "newnewnew" }]);
    for (const stdin of ["", "a\nb\nc", "\nb"])
      expect((await cli("passwd --password-stdin", { server, stdin })).code).toBe(2);
  });
});
