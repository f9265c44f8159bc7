import { Database } from "bun:sqlite";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { SseParser } from "../../../../src/wire/sse.ts";
import { must, testServer } from "../../../support/server.ts";
import {
  type Connection,
  chatFrames,
  chunk,
  lastChunk,
  reply,
  streamHead,
} from "../../../support/upstream.ts";
import { withProvider } from "../setup.ts";
import { echo } from "./batch-setup.ts";

/** A server whose provider streams when the test says so. */
async function withStreams(options: object = {}) {
  const calls: Connection[] = [];
  const setup = await withProvider(
    (seen, connection) => {
      if (!seen.body.stream) return echo(seen, connection);
      calls.push(connection);
      connection.write(streamHead);
    },
    {},
    { tick: 50, ...options },
  );
  const { server, bearer, call } = setup;
  const make = async (body: object) =>
    (await must(call("POST", "/api/v1/inference-tasks", { llm: "gpt", ...body }))).body.id as string;
  const streamed = (more: object = {}) =>
    make({ request: { messages: [{ role: "user", content: "hi" }], stream: true }, ...more });
  const follow = (id: string, query = "", as = bearer) => followed(server.url, id, as, query);
  const ended = async (id: string) =>
    (await must(call("GET", `/api/v1/inference-tasks/${id}?wait=20s`))).body;
  const begun = (count = 1) => expect.poll(() => calls.length).toBe(count);
  return { ...setup, calls, make, streamed, follow, ended, begun };
}

/** A follower of a task: its text so far, and its end. */
function followed(url: string, id: string, bearer: string, query: string) {
  const abort = new AbortController();
  const state = { text: "", status: 0, isOver: false };
  const over = (async () => {
    const response = await fetch(`${url}/api/v1/inference-tasks/${id}/stream${query}`, {
      headers: { authorization: `Bearer ${bearer}` },
      signal: abort.signal,
    });
    state.status = response.status;
    const decoder = new TextDecoder();
    for await (const bytes of response.body!) state.text += decoder.decode(bytes, { stream: true });
    state.isOver = true;
  })().catch(() => {});
  const shows = (text: string) => expect.poll(() => state.text).toContain(text);
  return { state, over, shows, leave: () => abort.abort() };
}

function wordsIn(text: string): string {
  const events = new SseParser().push(Buffer.from(text)).map(({ data }) => data);
  return events
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data).choices?.[0]?.delta.content ?? "")
    .join("");
}

const frames = chatFrames(["one ", "two ", "three"], true);

describe("GET /api/v1/inference-tasks/ID/stream", () => {
  it("sends what is there, then what comes, to all followers; one who leaves stops nothing", async () => {
    const { server, call, calls, streamed, follow, ended, begun } = await withStreams();
    const later = new Date(Date.now() + 2000).toISOString();
    const waits = await streamed({ notBefore: later });
    const early = follow(waits);
    await early.shows(": pending");
    early.leave();
    await must(call("DELETE", `/api/v1/inference-tasks/${waits}`));

    const id = await streamed();
    await begun();
    const first = follow(id);
    await first.shows(": running");
    calls[0]!.write(chunk(frames[0]! + frames[1]!));
    await first.shows("one ");
    const second = follow(id);
    await second.shows("one ");
    first.leave();
    expect(wordsIn((await read(follow(id, "?follow=0"))).text)).toBe("one ");
    calls[0]!.write(chunk(frames[2]!));
    await second.shows("two ");
    expect(second.state.isOver).toBe(false);
    calls[0]!.write(chunk(frames.slice(3).join("")) + lastChunk);
    await second.over;
    expect(wordsIn(second.state.text)).toBe("one two three");
    expect(second.state.text).toMatch(/data: \[DONE\]\n\n$/);
    expect(second.state.text).not.toContain('"error"');
    expect(await ended(id)).toMatchObject({
      status: "completed",
      httpStatus: 200,
      answer: { object: "chat.completion", choices: [{ message: { content: "one two three" } }] },
    });
    const after = await read(follow(id));
    expect(wordsIn(after.text)).toBe("one two three");
    expect(after.text).not.toContain(": running");

    const boss = await server.user("boss", [
      { role: "edit", resource: "*" },
      { role: "run", resource: "*" },
    ]);
    const eve = await server.user("eve", [{ role: "run", resource: "llms" }]);
    for (const { bearer } of [boss, eve]) {
      const refused = await read(follow(id, "", bearer));
      expect(refused.status).toBe(404);
      expect(refused.text).not.toContain("one");
    }
    expect((await read(follow("tsk_00000000000000000000000000"))).status).toBe(404);
  });

  it("sends the answer of a task that is not streamed as a stream, in its dialect, and its error as a frame", async () => {
    const { make, follow, ended } = await withStreams();
    const hello = [{ role: "user", content: "hello" }];
    const chat = await make({ request: { messages: hello } });
    const messages = await make({ dialect: "messages", request: { max_tokens: 9, messages: hello } });
    const fails = await make({ request: { messages: [{ role: "user", content: "fail 422" }] } });
    expect(wordsIn((await read(follow(chat))).text)).toBe("hello");
    const events = (await read(follow(messages))).text.match(/^event: (.*)$/gm);
    expect(events?.at(0)).toBe("event: message_start");
    expect(events?.at(-1)).toBe("event: message_stop");
    const failed = await read(follow(fails));
    expect(failed).toMatchObject({ status: 200 });
    expect(failed.text).toMatch(/data: \{"error":\{.*"message":"no luck".*\}\n\ndata: \[DONE\]\n\n$/);
    expect(await ended(fails)).toMatchObject({ status: "failed", httpStatus: 422 });
  });

  it("ends in an error where the task is cancelled, or its stream fails; a part is not sent twice (failure mode 269)", async () => {
    const { call, calls, provider, streamed, follow, ended, begun } = await withStreams();
    const cancelled = await streamed();
    await begun(1);
    const first = follow(cancelled);
    calls[0]!.write(chunk(frames[0]! + frames[1]!));
    await first.shows("one ");
    await must(call("DELETE", `/api/v1/inference-tasks/${cancelled}`));
    await first.over;
    expect(first.state.text).toContain("the task is cancelled");
    await calls[0]!.closed;

    const cut = await streamed();
    await begun(2);
    calls[1]!.write(chunk(frames[0]! + frames[1]!));
    await follow(cut).shows("one ");
    calls[1]!.reset();
    expect(await ended(cut)).toMatchObject({ status: "failed", attempts: 1 });
    const { text } = await read(follow(cut));
    expect(text.match(/"error":/g)).toHaveLength(1);
    expect(text).toContain("one ");

    const again = await streamed({ idempotent: true });
    await begun(3);
    const lost = follow(again);
    calls[2]!.write(chunk(frames[0]! + frames[1]!));
    await lost.shows("one ");
    calls[2]!.reset();
    await lost.over;
    expect(lost.state.text).toContain('"error":');
    await begun(4);
    calls[3]!.write(chunk(frames.join("")) + lastChunk);
    expect(await ended(again)).toMatchObject({ status: "completed", attempts: 2 });
    expect(wordsIn((await read(follow(again))).text)).toBe("one two three");
    expect(provider.seen).toHaveLength(4);
  });

  it("sends a request again whose stream fails before the answer begins, and followers wait", async () => {
    let asked = 0;
    const { call, server, bearer } = await withProvider(
      (_, connection) => {
        if (++asked === 1) return connection.write(reply(503, { error: { message: "later" } }));
        connection.write(streamHead);
        if (asked > 2) return connection.write(chunk(frames.join("")) + lastChunk);
        connection.write(chunk('data: {"error":{"message":"overloaded","code":503}}\n\n') + lastChunk);
      },
      {},
      { tick: 50 },
    );
    const request = { messages: [{ role: "user", content: "hi" }], stream: true };
    const { id } = (await must(call("POST", "/api/v1/inference-tasks", { llm: "gpt", request }))).body;
    const { text } = await read(followed(server.url, id, bearer, ""));
    expect(wordsIn(text)).toBe("one two three");
    expect(text).not.toContain("overloaded");
  });

  it("keeps what came before the server was killed, and does not send the request again (failure mode 269)", async () => {
    const { server, provider, calls, streamed, follow, begun, bearer } = await withStreams();
    const kept = await streamed();
    const repeated = await streamed({ idempotent: true });
    await begun(2);
    for (const connection of calls) connection.write(chunk(frames[0]! + frames[1]!));
    for (const id of [kept, repeated]) await follow(id).shows("one ");
    const copy = join(server.folder, "copy.db");
    const database = new Database(join(server.folder, "mcpctl.db"), { readonly: true });
    const parts = () => database.query("select count(*) from inference_task_parts").values()[0]![0];
    await expect.poll(parts).toBeGreaterThanOrEqual(2);
    // The file as a kill leaves it.
    database.run(`vacuum into '${copy}'`);
    database.close();
    const next = await testServer({ store: await openStore({ path: copy, now: Date.now }), tick: 50 });
    const { text } = await read(followed(next.url, kept, bearer, ""));
    expect(wordsIn(text)).toBe("one ");
    expect(text).toMatch(/"error":.*the server ended while it sent the answer/);
    await begun(3);
    calls[2]!.write(chunk(frames.join("")) + lastChunk);
    expect(wordsIn((await read(followed(next.url, repeated, bearer, ""))).text)).toBe("one two three");
    expect(provider.seen).toHaveLength(3);
  });
});

async function read({ state, over }: ReturnType<typeof followed>) {
  await over;
  return state;
}
