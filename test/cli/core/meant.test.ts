import { expect, it } from "vitest";
import { fakeApi, rows } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

it.each([
  ["ls", "write: mcpctl get KIND"],
  ["list llms", "write: mcpctl get KIND"],
  ["rm llm claude", "write: mcpctl delete KIND NAME"],
  ["show llm claude", "write: mcpctl describe KIND NAME"],
  ["llms", "write: mcpctl get llms"],
  ["tokens", "write: mcpctl get tokens"],
  ["gte llms", 'did you mean "get"? Run: mcpctl get --help'],
  ["constructor", "to see all verbs: mcpctl --help"],
])("%s is an unknown verb with the one that is meant", async (line, hint) => {
  const { code, stdout, stderr } = await cli(line);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toBe(`error: unknown verb "${line.split(" ")[0]}"\nhint: ${hint}\n`);
});

it("takes an address after --server for the server, also where a kind once had a flag of that name", async () => {
  const project = rows("project", { name: "p9" })[0];
  const [one, other] = [fakeApi({ "POST /api/v1/projects": project }), fakeApi({})];
  const line = `create project p9 --server files --server ${one.url} --mcp-server git`;
  expect((await cli(line, { server: other })).code).toBe(0);
  expect(other.requests).toEqual([]);
  expect(one.bodies).toEqual([{ name: "p9", servers: ["files", "git"] }]);
  expect((await cli(["create", "project", "p9", "--server", "Unix://x"], { server: other })).code).not.toBe(
    0,
  );
});
