import { expect, it } from "vitest";
import { cli } from "../../support/cli/run-cli.ts";
import { testServer } from "../../support/server.ts";

it("prints a link of the server on this machine, which signs in as admin", async () => {
  const server = await testServer();
  const {
    code: exit,
    stdout: out,
    stderr: err,
  } = await cli(["ui", "--no-open", "--server", `unix://${server.socketPath}`]);
  expect([exit, err]).toEqual([0, "the link signs in as admin, once, within 60 s\n"]);
  const code = /#code=([\w-]+)\n$/.exec(out)![1];
  expect((await server.as()("POST", "/api/v1/auth/page", { code })).status).toBe(200);
});

it("prints the address of another server, and asks it for nothing", async () => {
  const { stdout: out, stderr: err } = await cli(["ui", "--no-open", "--server", "https://llm.example.org"]);
  expect(out).toBe("https://llm.example.org/\n");
  expect(err).toBe("sign in there with a user and a password\n");
});
