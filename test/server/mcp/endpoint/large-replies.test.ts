import { expect, it } from "vitest";
import type { Principal } from "../../../../src/server/core/access/policy.ts";
import { BodyBudget } from "../../../../src/server/core/body-budget.ts";
import { Deadlines } from "../../../../src/server/core/deadlines.ts";
import type { OpenStreams } from "../../../../src/server/core/open-streams.ts";
import { HttpReply } from "../../../../src/server/mcp/endpoint/http-reply.ts";

const megabyte = 1024 * 1024;
const principal = { userId: "usr_a", id: "usr_a" } as Principal;

/** Replies of one user, who may have 4 MB of large answers. */
function replies() {
  const deadlines = new Deadlines();
  const answers = new BodyBudget(deadlines, { most: 8 * megabyte });
  const streams = { add: () => () => {} } as unknown as OpenStreams;
  const services = { streams, deadlines, answers };
  const reply = (result: string) => {
    const request = new Request("http://localhost/", { method: "POST" });
    const nothing = () => {};
    const made = new HttpReply(
      { request, principal, expects: 1, tap: undefined, onLastBytes: nothing, onGone: nothing },
      services,
    );
    made.answer(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
    return made.response;
  };
  return { answers, reply };
}

it("a large result of an MCP server holds memory until its client has read it, and others are refused (T227)", async () => {
  const { answers, reply } = replies();
  const first = await reply("x".repeat(3 * megabyte));
  expect([first.status, first.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(answers.held).toBeGreaterThan(3 * megabyte);
  const second = await reply("y".repeat(3 * megabyte));
  expect([second.status, await second.json()]).toEqual([
    503,
    {
      jsonrpc: "2.0",
      id: null,
      error: { code: -32_000, message: "too many large answers are not read yet: call again later" },
    },
  ]);
  expect((await reply("small")).status).toBe(200);
  expect(((await first.json()) as { result: string }).result).toBe("x".repeat(3 * megabyte));
  expect(answers.held).toBe(0);
});

it("a client that leaves gives the memory back", async () => {
  const { answers, reply } = replies();
  const response = await reply("x".repeat(3 * megabyte));
  await response.body!.cancel();
  expect(answers.held).toBe(0);
});
