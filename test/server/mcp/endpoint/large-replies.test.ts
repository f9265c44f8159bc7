import { describe, expect, it } from "vitest";
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
  const begin = () => {
    const request = new Request("http://localhost/", { method: "POST" });
    const nothing = () => {};
    return new HttpReply(
      { request, principal, expects: 1, tap: undefined, onLastBytes: nothing, onGone: nothing },
      services,
    );
  };
  const reply = (result: string) => {
    const made = begin();
    made.answer({ text: JSON.stringify({ jsonrpc: "2.0", id: 1, result }), status: 200 });
    return made.response;
  };
  /** Replies with a stream. */
  const stream = (id: string | number, result: string) => {
    const made = begin();
    made.notify(JSON.stringify({ jsonrpc: "2.0", method: "notifications/message" }));
    made.answer({ text: JSON.stringify({ jsonrpc: "2.0", id, result }), status: 200 });
    return made.response;
  };
  return { answers, reply, stream };
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

describe("a large result on a stream (T256)", () => {
  const answerIn = (text: string) => JSON.parse(text.split("data: ").at(-1)!);

  it("holds memory until its client has read it; the next one is an error with the id of its request", async () => {
    const { answers, stream } = replies();
    const large = "x".repeat(3 * megabyte);
    const first = await stream(1, large);
    expect(first.headers.get("content-type")).toBe("text/event-stream");
    expect(answers.held).toBeGreaterThan(3 * megabyte);
    const second = await stream('a"b', large);
    expect(answerIn(await second.text())).toEqual({
      jsonrpc: "2.0",
      id: 'a"b',
      error: { code: -32_000, message: "too many large answers are not read yet: call again later" },
    });
    expect(answerIn(await (await stream(2, "small")).text()).result).toBe("small");
    expect(answerIn(await first.text()).result === large).toBe(true);
    expect(answers.held).toBe(0);
    expect(answerIn(await (await stream(3, large)).text()).result === large).toBe(true);
  });

  it("gives the memory back when its client leaves", async () => {
    const { answers, stream } = replies();
    const response = await stream(1, "x".repeat(3 * megabyte));
    await response.body!.cancel();
    expect(answers.held).toBe(0);
  });
});
