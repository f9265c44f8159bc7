import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { type Client, must, told } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { chatFrames, chunk, lastChunk, reply, type Script, streamHead } from "../../../support/upstream.ts";
import { postRaw } from "../caller.ts";
import { hello, prompt, withPersona } from "../personas/setup.ts";

const chat = "/api/v1/agents/reviewer/chat";
const answer = (content: string) => ({ role: "assistant", content });
const say = (content: string) => ({ role: "user", content });

async function begin(call: Client): Promise<string> {
  return (await must(call("POST", "/api/v1/agents/reviewer/threads", {}))).body.id;
}

async function messagesOf(call: Client, id: string): Promise<unknown[]> {
  return (await must(call("GET", `/api/v1/threads/${id}`))).body.messages;
}

describe("a thread", () => {
  it("sends its history, and stores the new messages and the response, streamed or not", async () => {
    const { call, provider } = await withPersona();
    const { status, body: thread } = await call("POST", "/api/v1/agents/reviewer/threads", {
      title: "greetings",
    });
    expect(status).toBe(201);
    expect(thread).toEqual({
      id: expect.stringMatching(/^thr_/),
      agent: "reviewer",
      title: "greetings",
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    const { id } = thread;
    await must(call("POST", chat, { thread: id, messages: [hello] }));
    const first = [hello, answer("hello there")];
    expect(await messagesOf(call, id)).toEqual(first);

    const streamed = await must(call("POST", chat, { messages: [say("again")], stream: true, thread: id }));
    expect(streamed.text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(await messagesOf(call, id)).toEqual([...first, say("again"), answer("hello")]);

    const [one, two] = provider.seen.map(({ body }) => body);
    expect(one).toEqual({ model: "up", messages: [{ role: "system", content: prompt }, hello] });
    expect(two.messages).toEqual([{ role: "system", content: prompt }, ...first, say("again")]);
    expect(two).not.toHaveProperty("thread");
    // Without a thread nothing is stored.
    await must(call("POST", chat, { messages: [hello] }));
    expect(provider.seen[2]!.body.messages).toHaveLength(2);
    expect(await messagesOf(call, id)).toHaveLength(4);
  });

  it("stores the response before its last byte is sent", async () => {
    const { server, bearer, call } = await withPersona();
    const id = await begin(call);
    const caller = await postRaw(server.url, bearer, chat, { thread: id, messages: [hello], stream: true });
    await caller.until("[DONE]");
    expect(await messagesOf(call, id)).toHaveLength(2);
  });

  it("stores tool calls, which are assembled from their pieces", async () => {
    const piece = (tool_calls: object[]) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls }, finish_reason: null }] })}\n\n`;
    const [opening, ...closing] = chatFrames([], false);
    const script: Script = (_, connection) => {
      connection.write(streamHead);
      connection.write(chunk(opening!));
      connection.write(
        chunk(piece([{ index: 0, id: "c1", type: "function", function: { name: "look", arguments: "" } }])),
      );
      for (const text of ['{"at"', ':"x"}'])
        connection.write(chunk(piece([{ index: 0, function: { arguments: text } }])));
      for (const frame of closing) connection.write(chunk(frame));
      connection.write(lastChunk);
    };
    const { call } = await withPersona({}, { script });
    const id = await begin(call);
    await must(call("POST", chat, { thread: id, messages: [hello], stream: true }));
    const call_ = { id: "c1", type: "function", function: { name: "look", arguments: '{"at":"x"}' } };
    expect(await messagesOf(call, id)).toEqual([
      hello,
      { role: "assistant", content: null, tool_calls: [call_] },
    ]);
  });

  it.each([
    ["the one that all lists have in common", "__proto__"],
    ["before the first", -1],
    ["at the end of a list of four thousand million", 4_294_967_290],
    ["no number", {}],
  ])("refuses a tool call with the index %s (failure mode 71)", async (_, index) => {
    const tool_calls = [{ index, id: "planted", function: { name: "f", arguments: "{}" } }];
    const [opening, ...closing] = chatFrames([], false);
    const piece = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls } }] })}\n\n`;
    const script: Script = ({ body }, connection) => {
      if (!body.stream)
        return connection.write(reply(200, { choices: [{ message: { ...answer("x"), tool_calls } }] }));
      connection.write(streamHead);
      for (const frame of [opening!, piece, ...closing]) connection.write(chunk(frame));
      connection.write(lastChunk);
    };
    const { call } = await withPersona({}, { script });
    const id = await begin(call);
    const { text } = await call("POST", chat, { thread: id, messages: [hello], stream: true });
    expect(text).toContain("a tool call with a wrong index");
    expect((await call("POST", chat, { thread: id, messages: [hello] })).status).toBe(502);
    expect("id" in []).toBe(false);
    expect(await messagesOf(call, id)).toEqual([]);
  });

  it.each(["name", "arguments"])("does not store a tool call with megabytes of %s", async (field) => {
    const piece = (text: string) => {
      const tool_calls = [{ index: 0, id: "c1", function: { [field]: text } }];
      return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls } }] })}\n\n`;
    };
    const [opening, ...closing] = chatFrames([], false);
    const script: Script = (_, connection) => {
      connection.write(streamHead + chunk(opening!));
      for (let n = 0; n < 5; n++) connection.write(chunk(piece("z".repeat(1024 * 1024))));
      for (const frame of closing) connection.write(chunk(frame));
      connection.write(lastChunk);
    };
    const { call } = await withPersona({}, { script });
    const id = await begin(call);
    const { text } = await call("POST", chat, { thread: id, messages: [hello], stream: true });
    expect(text.slice(-500)).toContain("too long to be saved");
    expect(await messagesOf(call, id)).toEqual([]);
  });

  it("stores nothing of a failed response, and accepts the next turn at once", async () => {
    const [first, second] = chatFrames(["hel"], false);
    const scripts: Script[] = [
      (_, connection) => connection.write(reply(400, { error: { message: "no" } })),
      (_, connection) => connection.end(streamHead + chunk(first! + second!)),
      (_, connection) =>
        connection.write(
          `${streamHead}${chunk(first! + second!)}${chunk('data: {"error":{"message":"no"}}\n\n')}${lastChunk}`,
        ),
    ];
    let turn = 0;
    const { call } = await withPersona({}, { script: (...args) => scripts[turn++]!(...args) });
    const id = await begin(call);
    const refused = await call("POST", chat, { thread: id, messages: [hello] });
    expect(refused.status).toBe(400);
    for (const _ of ["cut off", "an error in the stream"]) {
      const { text } = await must(call("POST", chat, { thread: id, messages: [hello], stream: true }));
      expect(text).toContain('"error"');
    }
    expect(await messagesOf(call, id)).toEqual([]);
    expect(turn).toBe(3);
  });

  it("stores nothing of a response whose caller left, and accepts the next turn then", async () => {
    const begun = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    let isFirst = true;
    const script: Script = (_, connection) => {
      if (!isFirst) return connection.write(reply(200, { choices: [{ message: answer("hi") }] }));
      isFirst = false;
      connection.write(streamHead + chunk(chatFrames(["hel"], false).slice(0, 2).join("")));
      begun.resolve();
      void connection.closed.then(left.resolve);
    };
    const { server, bearer, call } = await withPersona({}, { script });
    const id = await begin(call);
    const caller = await postRaw(server.url, bearer, chat, { thread: id, messages: [hello], stream: true });
    await begun.promise;
    await caller.until("hel");
    // One turn at a time.
    const busy = await call("POST", chat, { thread: id, messages: [hello] });
    expect([busy.status, busy.body.code]).toEqual([409, "conflict"]);
    caller.leave();
    await left.promise;
    await expect
      .poll(async () => (await call("POST", chat, { thread: id, messages: [say("now")] })).status)
      .toBe(200);
    expect(await messagesOf(call, id)).toEqual([say("now"), answer("hi")]);
  });

  it("accepts only messages that are objects, and n of 1", async () => {
    const { call, provider } = await withPersona();
    const thread = await begin(call);
    for (const body of [
      { thread },
      { thread, messages: [] },
      { thread, messages: ["hello"] },
      { thread, messages: [hello], n: 2 },
      { thread: 7, messages: [hello] },
      { thread: null, messages: [hello] },
    ])
      expect((await call("POST", chat, body)).status, JSON.stringify(body)).toBe(400);
    const odd = await call("POST", "/api/v1/agents/reviewer/threads", { titel: "x" });
    expect(odd.body.details).toEqual([{ path: "/titel", message: 'unknown field; did you mean "title"?' }]);
    expect((await call("POST", chat, { thread: "thr_none", messages: [hello] })).status).toBe(404);
    expect(provider.seen).toEqual([]);
    expect(await messagesOf(call, thread)).toEqual([]);
  });

  it("is not looked up by a text that is not an id", async () => {
    const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
    const { call } = await withPersona({}, { store });
    const looked: string[] = [];
    const thread = store.thread.bind(store);
    store.thread = (id) => {
      looked.push(id);
      return thread(id);
    };
    const missing = `thr_${"0".repeat(26)}`;
    for (const id of ["a\0b", "thr_", "x".repeat(100_000), missing])
      expect((await call("POST", chat, { thread: id, messages: [hello] })).status).toBe(404);
    expect((await call("GET", "/api/v1/threads/none")).status).toBe(404);
    expect(looked).toEqual([missing]);
  });

  it("returns 409 when it is full", async () => {
    const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
    const { call, provider } = await withPersona({}, { store });
    const thread = await begin(call);
    const most = 2000;
    await store.appendToThread(
      thread,
      Array.from({ length: most - 2 }, () => hello),
      1,
    );
    await must(call("POST", chat, { thread, messages: [hello] }));
    const full = await call("POST", chat, { thread, messages: [hello] });
    expect([full.status, full.body]).toMatchObject([
      409,
      { error: "this thread is full", hint: "begin another one" },
    ]);
    expect(provider.seen).toHaveLength(1);
    expect(await messagesOf(call, thread)).toHaveLength(most);
  });

  it("is deleted with its agent", async () => {
    const { server, call } = await withPersona();
    const id = await begin(call);
    await must(server.admin("DELETE", "/api/v1/agents/reviewer"));
    expect((await call("GET", `/api/v1/threads/${id}`)).status).toBe(404);
    expect((await must(call("GET", "/api/v1/threads"))).body).toEqual([]);
  });
});

describe("threads belong to their owner", () => {
  it("and do not exist for others, administrators included (T52)", async () => {
    const { server, call, provider } = await withPersona();
    const id = await begin(call);
    await must(call("POST", chat, { thread: id, messages: [say("a secret of bob's")] }));
    const eve = await server.user("eve", [
      { role: "edit", resource: "*" },
      { role: "run", resource: "*" },
    ]);
    for (const other of [server.admin, eve.call]) {
      for (const [method, path, body] of [
        ["GET", "/api/v1/threads/ID"],
        ["HEAD", "/api/v1/threads/ID"],
        ["DELETE", "/api/v1/threads/ID"],
        ["POST", chat, { thread: "ID", messages: [hello] }],
      ] as const) {
        const ask = (name: string) =>
          other(method, path.replace("ID", name), body && JSON.stringify(body).replace("ID", name));
        const hidden = await ask(id);
        const missing = await ask("thr_none");
        expect(hidden.status, `${method} ${path}`).toBe(404);
        expect(told({ ...hidden, text: hidden.text.replace(id, "thr_none") })).toEqual(told(missing));
      }
      expect((await must(other("GET", "/api/v1/threads"))).body).toEqual([]);
      expect((await must(other("GET", "/api/v1/threads?agent=reviewer"))).body).toEqual([]);
    }
    const records = await must(server.admin("GET", "/api/v1/audit?limit=1000"));
    expect(records.text + server.logged.join()).not.toContain("a secret of bob's");
    expect(provider.seen).toHaveLength(1);
    expect(await messagesOf(call, id)).toHaveLength(2);
  });

  it("and each belongs to one agent", async () => {
    const { server, call } = await withPersona();
    await must(server.admin("POST", "/api/v1/agents", { name: "writer", llm: "gpt" }));
    const id = await begin(call);
    const elsewhere = await call("POST", "/api/v1/agents/writer/chat", { thread: id, messages: [hello] });
    expect([elsewhere.status, elsewhere.body.error]).toEqual([404, `thread "${id}" not found`]);
    const listed = async (query: string) =>
      (await must(call("GET", `/api/v1/threads${query}`))).body.map((thread: { id: string }) => thread.id);
    expect(await listed("")).toEqual([id]);
    expect(await listed("?agent=reviewer")).toEqual([id]);
    expect(await listed("?agent=writer")).toEqual([]);
    expect((await call("GET", "/api/v1/threads?agent=nobody")).status).toBe(404);
    await must(call("DELETE", `/api/v1/threads/${id}`));
    expect(await listed("")).toEqual([]);
    expect((await call("DELETE", `/api/v1/threads/${id}`)).status).toBe(404);
  });

  it("and are visible to a token of the owner only if the token may run the agent", async () => {
    const { server } = await withPersona();
    await must(server.admin("POST", "/api/v1/agents", { name: "writer", llm: "gpt" }));
    const id = await begin(server.admin);
    const grant = { role: "run", resource: "agents" };
    const same = await server.token("same", [{ ...grant, name: "reviewer" }]);
    const other = await server.token("other", [{ ...grant, name: "writer" }]);
    expect(await messagesOf(same.call, id)).toEqual([]);
    expect((await other.call("GET", `/api/v1/threads/${id}`)).status).toBe(404);
    expect((await must(other.call("GET", "/api/v1/threads"))).body).toEqual([]);
  });
});
