import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { HttpFailure } from "../../../src/net/http1/http-failure.ts";
import { PushedResponse } from "../../../src/net/pushed-response.ts";
import type { Row } from "../../../src/server/core/store/types.ts";
import type { LinkCall, VirtualLlms } from "../../../src/server/workstations/virtual-llms.ts";
import { chatFrames, goodProvider } from "../../support/upstream.ts";
import { type Pool, pool } from "./pools/pool-setup.ts";

const frames = chatFrames(["hel", "lo"], true);

/** Virtual llms whose behaviour the test sets. */
class Agents implements VirtualLlms {
  readonly woken: string[] = [];
  readonly called: LinkCall[] = [];
  readonly busy = new Set<string>();
  readonly cold = new Set<string>();
  /** The time since the wake began, in milliseconds. */
  waking: number | undefined;
  /** Ends the current wake. */
  wakes = Promise.withResolvers<void>();
  answer: (call: LinkCall) => PushedResponse = () => {
    const answer = new PushedResponse(200, { "content-type": "text/event-stream" }, { onCancel() {} });
    for (const frame of frames) answer.push(Buffer.from(frame));
    answer.end();
    return answer;
  };

  isResident = ({ name }: Row) => !this.cold.has(name);
  inFlight = ({ name }: Row) => (this.busy.has(name) ? 1 : 0);
  wakingFor = () => this.waking;

  async wake({ name }: Row, signal: AbortSignal): Promise<void> {
    this.woken.push(name);
    this.waking = 0;
    const left = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => left.reject(new AppError("client_closed_request", "left")));
    await Promise.race([this.wakes.promise, left.promise]).finally(() => {
      this.waking = undefined;
    });
  }

  async infer(call: LinkCall): Promise<PushedResponse> {
    this.called.push(call);
    return this.answer(call);
  }
}

async function asleep(
  ...names: string[]
): Promise<Pool & { agents: Agents; ready(name?: string): Promise<void> }> {
  const agents = new Agents();
  const made = await pool(Object.fromEntries(names.map((name) => [name, goodProvider])), {
    virtualLlms: agents,
  });
  for (const name of names) await made.publish(name, "hibernating");
  const ready = async (name = names[0]!) => {
    await made.publish(name, "active");
    agents.wakes.resolve();
  };
  return { ...made, agents, ready };
}

/** Returns when the agent was told to wake the llm. */
const woken = ({ woken: wakes }: Agents, times = 1) => expect.poll(() => wakes.length).toBe(times);

describe("a call of a hibernating llm", () => {
  it("wakes it and is answered by its agent, without a request over HTTP", async () => {
    const { ask, agents, ready, callCounts } = await asleep("a");
    const answer = ask({ stream: true });
    await woken(agents);
    expect(agents.called).toEqual([]);
    await ready();
    expect(await answer).toMatchObject({ status: 200, text: chatFrames(["hel", "lo"], false).join("") });
    expect(agents.called).toMatchObject([{ operation: "chat", streaming: true }]);
    expect(JSON.parse(agents.called[0]!.text)).toMatchObject({ model: "model-of-a", stream: true });
    expect(callCounts()).toEqual({ a: 0 });
  });

  it("gets comments while it waits if it is streamed, and none if the wake is quick", async () => {
    const { open, agents, ready, clock } = await asleep("a");
    const opening = open();
    await woken(agents);
    agents.waking = 1200;
    clock.now = 1200;
    const answer = await opening;
    expect(Object.fromEntries(answer.headers)).toMatchObject({ "content-type": "text/event-stream" });
    const reader = answer.body!.getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe(": waking 1s\n\n");
    agents.waking = 12_000;
    clock.now = 12_000;
    expect(await next()).toBe(": waking 12s\n\n");
    await ready();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read())
      rest += new TextDecoder().decode(part.value);
    expect(rest).toBe(chatFrames(["hel", "lo"], false).join(""));
  });

  it("that cannot be woken returns 503 with the reason and retry-after", async () => {
    const { ask, agents } = await asleep("a");
    const answer = ask();
    await woken(agents);
    agents.wakes.reject(new AppError("unavailable", "it did not answer in 60 s", { retryAfter: 30 }));
    expect(await answer).toEqual({ status: 503, text: "it did not answer in 60 s", retryAfter: 30 });
    expect(agents.called).toEqual([]);
  });

  it("ends with one error frame if the wake fails after the first comment", async () => {
    const { open, agents, clock, server } = await asleep("a");
    const opening = open();
    await woken(agents);
    agents.waking = 5000;
    clock.now = 5000;
    const answer = await opening;
    agents.wakes.reject(new AppError("unavailable", "it did not answer", { retryAfter: 30 }));
    const text = await answer.text();
    expect(text).toMatch(
      /^: waking 5s\n\ndata: \{"error":\{"message":"it did not answer".*\n\ndata: \[DONE\]\n\n$/,
    );
    const { body } = await server.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(body).toMatchObject([{ status: 503, error: "unavailable", llm: "pool", poolMember: "a" }]);
  });

  it("whose caller leaves is not sent, and leaves one audit event", async () => {
    const { open, agents, clock, server } = await asleep("a");
    const leave = new AbortController();
    const opening = open(leave.signal);
    await woken(agents);
    agents.waking = 2000;
    clock.now = 2000;
    const answer = await opening;
    leave.abort();
    await answer.body!.cancel();
    const events = async () => (await server.admin("GET", "/api/v1/audit?action=llm_inference_call")).body;
    await expect.poll(events).toMatchObject([{ status: 499 }]);
    expect(agents.called).toEqual([]);
  });

  it("whose caller may no longer run it after the wake is not sent (failure mode 42)", async () => {
    const { ask, agents, ready, server, refresh } = await asleep("a");
    const answer = ask();
    await woken(agents);
    await server.admin("DELETE", "/api/v1/tokens/t");
    await refresh();
    await ready();
    expect(await answer).toMatchObject({ status: 401 });
    expect(agents.called).toEqual([]);
  });
});

describe("a caller who waits for a wake, and whose token is deleted meanwhile (failure mode 42)", () => {
  it("gets the error at once in a stream that has begun (T56)", async () => {
    const { open, agents, clock, server, refresh } = await asleep("a");
    const opening = open();
    await woken(agents);
    agents.waking = 5000;
    clock.now = 5000;
    const answer = await opening;
    await server.admin("DELETE", "/api/v1/tokens/t");
    await refresh();
    expect(await answer.text()).toMatch(
      /^: waking 5s\n\ndata: \{"error":\{"message":"the bearer is no longer valid".*\n\ndata: \[DONE\]\n\n$/,
    );
    const { body } = await server.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(body).toMatchObject([{ status: 401, error: "unauthenticated" }]);
    expect(agents.called).toEqual([]);
  });

  it("gets the error at once as an HTTP status if nothing was sent yet", async () => {
    const { ask, agents, server, refresh } = await asleep("a", "b");
    const answer = ask();
    await woken(agents);
    await server.admin("DELETE", "/api/v1/tokens/t");
    await refresh();
    expect(await answer).toMatchObject({ status: 401 });
    // No other llm is woken for it.
    expect(agents.woken).toHaveLength(1);
  });
});

describe("a pool of agents' llms", () => {
  it("wakes none while an active one answers", async () => {
    const { ask, agents, publish, callCounts } = await asleep("a", "b", "c");
    await publish("b", "active");
    for (let n = 0; n < 5; n++) expect(await ask({ stream: true })).toMatchObject({ status: 200 });
    expect(agents.woken).toEqual([]);
    expect(agents.called.map(({ llm }) => llm.name)).toEqual(["b", "b", "b", "b", "b"]);
    expect(callCounts()).toEqual({ a: 0, b: 0, c: 0 });
  });

  it("that all hibernate wakes one, and a second call waits for the same one (failure mode 59)", async () => {
    const { ask, agents, ready } = await asleep("a", "b");
    const first = ask({ stream: true });
    await woken(agents);
    agents.wakingFor = ((llm: Row) => (llm.name === agents.woken[0] ? 1 : undefined)) as () => number;
    const second = ask({ stream: true });
    await woken(agents, 2);
    expect(new Set(agents.woken).size).toBe(1);
    await ready(agents.woken[0]);
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  });

  it("tries the next one if a wake fails, or a response breaks before its first byte (failure mode 2)", async () => {
    const { ask, agents, publish } = await asleep("a", "b");
    await publish("a", "active");
    agents.answer = ({ llm }) => {
      const answer = new PushedResponse(200, { "content-type": "text/event-stream" }, { onCancel() {} });
      if (llm.name === "a") answer.fail(new HttpFailure("closed", "lost"));
      else for (const frame of frames) answer.push(Buffer.from(frame));
      answer.end();
      return answer;
    };
    const answer = ask({ stream: true });
    await woken(agents);
    expect(agents.woken).toEqual(["b"]);
    await publish("b", "active");
    agents.wakes.resolve();
    expect(await answer).toMatchObject({ status: 200 });
    expect(agents.called.map(({ llm }) => llm.name)).toEqual(["a", "b"]);
  });

  it("prefers an idle one with its weights in memory to a busy one (failure mode 21)", async () => {
    const { ask, agents, publish } = await asleep("a", "b", "c");
    for (const name of ["a", "b", "c"]) await publish(name, "active");
    agents.cold.add("a");
    agents.busy.add("b");
    await ask({ stream: true });
    agents.busy.add("c");
    await ask({ stream: true });
    expect(agents.called.map(({ llm }) => llm.name)).toEqual(["c", "a"]);
  });
});
