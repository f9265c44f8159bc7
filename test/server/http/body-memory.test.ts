import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { requestHead } from "../../support/raw-http.ts";
import { must, testServer } from "../../support/server.ts";
import {
  chatAnswer,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  type Script,
  streamHead,
  upstream,
} from "../../support/upstream.ts";

const megabyte = 1024 * 1024;
const path = "/v1/chat/completions";
const right = [{ role: "run", resource: "llms" }];
const question = (size: number) => ({ model: "m", messages: [{ role: "user", content: "x".repeat(size) }] });
const large = question(3 * megabyte);
const small = question(10);

/** A server with 8 MB for large bodies if not given, half of which one user may have, and a provider. */
async function serverWith(script: Script, wait: number, megabytes = 8) {
  const server = await testServer({ bodies: { most: megabytes * megabyte, wait } });
  const provider = upstream(script);
  await must(
    server.admin("POST", "/api/v1/llms?probe=false", {
      name: "m",
      type: "openai",
      model: "m",
      url: provider.url,
    }),
  );
  const metric = async (name: string) => {
    const { text } = await server.admin("GET", "/metrics");
    return Number(new RegExp(`^mcpctl_large_${name} (\\d+)$`, "m").exec(text)?.[1]);
  };
  const until = async (name: string, value: number) => {
    while ((await metric(name)) !== value) await Bun.sleep(20);
  };
  const user = async (name: string) => (await server.user(name, right)).call;
  return { server, provider, metric, until, user };
}

/** A provider that answers large requests when the test says so, and small ones at once. */
function heldProvider() {
  const answers: (() => void)[] = [];
  const script: Script = async ({ bytes }, connection) => {
    if (bytes.length > megabyte) await new Promise<void>((resolve) => answers.push(resolve));
    connection.write(reply(200, chatAnswer("ok")));
  };
  return { script, answers };
}

describe("large requests (T173)", () => {
  it("hold memory until their call is over; the next one waits, small ones do not", async () => {
    const { script, answers } = heldProvider();
    const { provider, metric, until, user } = await serverWith(script, 60_000);
    const alice = await user("alice");
    const first = alice("POST", path, large);
    await until('body_bytes\\{body="request"\\}', JSON.stringify(large).length);
    const second = alice("POST", path, large);
    await until('bodies_waiting\\{body="request"\\}', 1);
    expect((await alice("POST", path, small)).status).toBe(200);
    while (answers.length === 0) await Bun.sleep(20);
    answers[0]!();
    expect((await first).status).toBe(200);
    while (answers.length === 1) await Bun.sleep(20);
    expect(provider.seen).toHaveLength(3);
    answers[1]!();
    expect((await second).status).toBe(200);
    expect(await metric('body_bytes\\{body="request"\\}')).toBe(0);
  });

  it("are refused after a while: 429 for the user's own, 503 for those of others; no provider is asked", async () => {
    const { script, answers } = heldProvider();
    const { provider, metric, until, user } = await serverWith(script, 1);
    const [alice, bob, carol] = [await user("alice"), await user("bob"), await user("carol")];
    const calls = [alice("POST", path, large), bob("POST", path, large)];
    await until('body_bytes\\{body="request"\\}', 2 * JSON.stringify(large).length);
    const own = await alice("POST", path, large);
    expect([own.status, own.headers.get("retry-after"), own.body.error.type]).toEqual([
      429,
      "5",
      "rate_limit_error",
    ]);
    const busy = await carol("POST", path, large);
    expect([busy.status, busy.headers.get("retry-after"), busy.body.error.code]).toEqual([
      503,
      "5",
      "server_busy",
    ]);
    expect(await metric('bodies_refused_total\\{body="request"\\}')).toBe(2);
    while (answers.length < 2) await Bun.sleep(20);
    expect(provider.seen).toHaveLength(2);
    for (const answer of answers) answer();
    for (const call of calls) expect((await call).status).toBe(200);
  });

  it("give their memory back when they are refused, in every form and on every route", async () => {
    const { server, metric, user } = await serverWith(goodProvider, 60_000);
    const alice = await user("alice");
    const text = JSON.stringify({ ...large, model: "other" });
    const { bearer } = await server.user("bob", right);
    const forms: [string, RequestInit][] = [
      ["application/json", { body: text }],
      ["application/json", { body: new Blob([text]).stream(), headers: { "x-form": "chunked" } }],
      [
        "application/json",
        { body: Bun.gzipSync(text.slice(0, -9)), headers: { "content-encoding": "gzip" } },
      ],
    ];
    for (const [type, { body, headers }] of forms)
      for (const to of [path, "/v1/responses", "/api/v1/projects"]) {
        const { status } = await fetch(`${server.url}${to}`, {
          method: "POST",
          body: body as string,
          headers: { authorization: `Bearer ${bearer}`, "content-type": type, ...(headers as object) },
        });
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).not.toBe(503);
        if (body instanceof ReadableStream) break;
      }
    expect((await alice("POST", path, large)).status).toBe(200);
    expect(await metric('body_bytes\\{body="request"\\}')).toBe(0);
  });
});

describe("large answers that are read whole (T173)", () => {
  it("hold memory while they come: the provider of the next one is held back, and it is refused in the end", async () => {
    const body = JSON.stringify(chatAnswer("x".repeat(3 * megabyte)));
    const first = Promise.withResolvers<void>();
    let calls = 0;
    const { metric, until, user } = await serverWith(async (_, connection) => {
      const answer = reply(200, JSON.parse(body));
      if (++calls > 1) return connection.write(answer);
      connection.write(answer.slice(0, -1));
      await first.promise;
      connection.write(answer.slice(-1));
    }, 1);
    const alice = await user("alice");
    const called = alice("POST", path, small);
    while (!((await metric('body_bytes\\{body="answer"\\}')) > megabyte)) await Bun.sleep(20);
    const refused = await alice("POST", path, small);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
    first.resolve();
    expect((await called).status).toBe(200);
    await until('body_bytes\\{body="answer"\\}', 0);
    expect((await alice("POST", path, small)).status).toBe(200);
  });

  it("hold memory until their caller has them, however slowly it reads, and until it leaves (T227)", async () => {
    // More than the buffers of two sockets take.
    const megabytes = 12;
    const text = JSON.stringify(chatAnswer("x".repeat(megabytes * megabyte)));
    const { server, metric, until, user } = await serverWith(
      (_, connection) => connection.write(reply(200, JSON.parse(text))),
      1,
      2 * (megabytes + 1),
    );
    const held = 'body_bytes\\{body="answer"\\}';
    const alice = await user("alice");
    const { bearer } = await server.user("bob", right);
    const body = JSON.stringify(small);
    /** Sends the call and reads the first bytes of the answer, and no more. */
    const ask = async () => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      const head = { "content-type": "application/json", "content-length": String(body.length) };
      socket.write(`${requestHead("POST", path, { ...head, authorization: `Bearer ${bearer}` })}${body}`);
      const [first] = (await once(socket, "data")) as [Buffer];
      socket.pause();
      return { socket, status: Number(first.toString("latin1").split(" ")[1]) };
    };
    const slow = await ask();
    expect(slow.status).toBe(200);
    expect(await metric(held)).toBeGreaterThan(megabytes * megabyte);
    expect((await ask()).status).toBe(429);
    // The half of another user is free.
    expect((await alice("POST", path, small)).status).toBe(200);
    slow.socket.destroy();
    await until(held, 0);
    const whole = await alice("POST", path, small);
    expect(whole.text).toBe(text);
    await until(held, 0);
  });
});

describe("a stream of which much is held until it is whole (T256)", () => {
  const held = 'body_bytes\\{body="answer"\\}';
  const streamed = { ...small, stream: true };

  it("holds memory while a provider sends a whole answer instead, and the next one gets 503", async () => {
    const goOn = Promise.withResolvers<void>();
    const body = JSON.stringify(chatAnswer("x".repeat(3 * megabyte)));
    const { metric, until, user } = await serverWith(async (_, connection) => {
      connection.write(reply(200, JSON.parse(body)).slice(0, -1));
      await goOn.promise;
      connection.write("}");
    }, 1);
    const [alice, bob] = [await user("alice"), await user("bob")];
    const first = alice("POST", path, streamed);
    while (!((await metric(held)) > 2 * megabyte)) await Bun.sleep(20);
    const refused = await alice("POST", path, streamed);
    expect([refused.status, refused.body.error.message]).toEqual([
      503,
      expect.stringContaining("the memory for large answers is in use"),
    ]);
    const other = bob("POST", path, streamed);
    goOn.resolve();
    for (const { status, text } of [await first, await other])
      expect([status, text.includes("x".repeat(3 * megabyte)), text.includes("[DONE]")]).toEqual([
        200,
        true,
        true,
      ]);
    await until(held, 0);
  });

  it("holds memory for the last event of responses until its caller has read it, or has left", async () => {
    const output = [{ type: "message", content: [{ type: "output_text", text: "x".repeat(3 * megabyte) }] }];
    const event = (type: string, response: object) =>
      chunk(`event: ${type}\ndata: ${JSON.stringify({ type, response: { id: "resp_1", ...response } })}\n\n`);
    const { server, provider, metric, until, user } = await serverWith((_, connection) => {
      connection.write(streamHead + event("response.created", { status: "in_progress" }));
      connection.write(event("response.completed", { status: "completed", output }) + lastChunk);
    }, 1);
    const llm = { name: "n", type: "openai", model: "m", url: provider.url, responses: "native" };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    const alice = await user("alice");
    const { bearer } = await server.user("bob", right);
    const ask = { model: "n", input: "hi", stream: true };
    const whole = await alice("POST", "/v1/responses", ask);
    expect(whole.text.length).toBeGreaterThan(3 * megabyte);
    await until(held, 0);
    const leave = new AbortController();
    const response = await fetch(`${server.url}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify(ask),
      signal: leave.signal,
    });
    expect(response.status).toBe(200);
    leave.abort();
    await until(held, 0);
    expect(await metric('bodies_refused_total\\{body="answer"\\}')).toBe(0);
  });
});
