import { expect, it } from "vitest";
import { failure, fakeApi } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const id = (digit: number) => `thr_01k8xyz000000000000000000${digit}`;
const times = { createdAt: "2026-11-20T09:00:00.000Z", updatedAt: "2026-11-21T09:00:00.000Z" };
const found = [
  {
    id: id(1),
    agent: "greeter",
    title: "Plans for the garden, with all the beds and what grows there",
    ...times,
  },
  { id: id(2), agent: null, title: "", ...times },
];
const whole = { ...found[0], messages: [{ role: "user", content: "hi" }] };
const server = () =>
  fakeApi({
    "GET /api/v1/threads": found,
    [`GET /api/v1/threads/${id(1)}`]: whole,
    [`DELETE /api/v1/threads/${id(1)}`]: undefined,
    [`DELETE /api/v1/threads/${id(2)}`]: undefined,
  });

it("get threads prints a table that fits, at 80, 120 and 200 columns", async () => {
  const screens = await Promise.all(
    [80, 120, 200].map(async (columns) => {
      const { stdout } = await cli("get threads", { server: server(), columns });
      return `# ${columns} columns\n${stdout}`;
    }),
  );
  expectGolden("get-threads.txt", screens.join("\n"));
});

it("get threads lists those with one persona, and prints ids and data", async () => {
  const api = server();
  expect((await cli("get threads -o name --agent greeter", { server: api })).stdout).toBe(
    `thread/${id(1)}\nthread/${id(2)}\n`,
  );
  expect(api.requests).toEqual(["GET /api/v1/threads?agent=greeter"]);
  expect(JSON.parse((await cli("get threads -o json", { server: api })).stdout)).toEqual(found);
});

it.each(["get thread ID", "get thread/ID"])("%s -o yaml shows one with its messages", async (words) => {
  const { stdout } = await cli(`${words.replace("ID", id(1))} -o yaml`, { server: server() });
  expect(stdout).toContain("messages:\n  - role: user\n    content: hi\n");
});

it("delete deletes threads by their ids, or all of one's own", async () => {
  const api = server();
  expect((await cli(`delete thread/${id(1)}`, { server: api })).stdout).toBe(`thread '${id(1)}' deleted\n`);
  expect(api.requests).toEqual([`DELETE /api/v1/threads/${id(1)}`]);
  const all = await cli("delete threads --all --force", { server: server() });
  expect(all.stdout).toBe(`thread '${id(1)}' deleted\nthread '${id(2)}' deleted\n`);
});

it("an unknown id, a missing one and a verb that threads do not have are refused", async () => {
  const api = fakeApi({ "GET /api/v1/threads": () => failure(404, "not_found", "no") });
  expect(await cli(`delete thread ${id(7)}`, { server: api })).toMatchObject({
    code: 3,
    stderr: expect.stringContaining(`thread "${id(7)}" not found\nhint: Run: mcpctl get threads\n`),
  });
  const calls = api.requests.length;
  expect(await cli("delete threads", { server: api })).toMatchObject({ code: 2 });
  expect(await cli("delete thread ../llms/x", { server: api })).toMatchObject({ code: 2 });
  expect(await cli("describe thread x", { server: api })).toMatchObject({
    code: 2,
    stderr: `error: "thread" is no kind of objects: it is a list of its own\nhint: write: mcpctl get thread\n`,
  });
  expect(api.requests.filter((request) => request.startsWith("DELETE"))).toHaveLength(1);
  expect(api.requests.length - calls).toBeLessThanOrEqual(3);
});
