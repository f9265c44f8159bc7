import { expect, it } from "vitest";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const answer = [
  {
    name: "desk",
    user: "alice",
    state: "connected",
    connectedSince: "2026-11-21T09:00:00.000Z",
    lastSeenAt: "2026-11-21T11:59:50.000Z",
    version: "0.1.0",
    publishes: [
      { kind: "llm", name: "ollama-qwen3-8b", status: "active" },
      { kind: "llm", name: "vllm-llama-3-3-70b-instruct", status: "hibernating" },
      { kind: "server", name: "notes", status: "ready" },
    ],
  },
  {
    name: null,
    user: "bob",
    state: "away",
    connectedSince: null,
    lastSeenAt: "2026-11-20T12:00:00.000Z",
    version: null,
    publishes: [],
  },
];
const server = () => fakeApi({ "GET /api/v1/workstations": answer });

it("get workstations prints a table that fits, at 80, 120 and 200 columns", async () => {
  const screens = await Promise.all(
    [80, 120, 200].map(async (columns) => {
      const { stdout } = await cli("get workstations", { server: server(), columns });
      return `# ${columns} columns\n${stdout}`;
    }),
  );
  const wide = await cli("get workstations -o wide", { server: server() });
  expectGolden("get-workstations.txt", `${screens.join("\n")}\n# wide\n${wide.stdout}`);
});

it("get workstation NAME shows one, -o name and json print data, and an unknown name is refused", async () => {
  const run = (line: string) => cli(line, { server: server() });
  expect((await run("get workstation desk")).stdout).toMatch(/^NAME .*\ndesk .*\n$/);
  expect((await run("get workstations -o name")).stdout).toBe("desk\n-\n");
  expect(JSON.parse((await run("get workstations -o json")).stdout)).toEqual(answer);
  expect(await run("get workstations dsk")).toMatchObject({
    code: 3,
    stdout: "",
    stderr:
      'error: workstation "dsk" not found\nhint: did you mean "desk"? To see all: mcpctl get workstations\n',
  });
});

it("says where to begin if there is none", async () => {
  const { code, stdout, stderr } = await cli("get workstations", {
    server: fakeApi({ "GET /api/v1/workstations": [] }),
  });
  expect([code, stdout]).toEqual([0, ""]);
  expect(stderr).toBe("No workstations found. To publish models of one, run there: mcpctl agent\n");
});
