import { expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { chatFrames, chunk, lastChunk, reply, type Script, streamHead } from "../../../support/upstream.ts";
import { withProvider } from "../setup.ts";

const path = "/v1/chat/completions";
const question = { messages: [{ role: "user", content: "hi" }] };
const words = "word ".repeat(400);
const callers = 200;
const limit = 40_000;
/** The most tokens of one call: more than is reserved for a call without `n`. */
const most = 1500;

/**
 * A provider that works as long as the request allows. `spent` has what it really did, which only it knows.
 * With `user: "silent"` it reports no usage.
 */
function provider() {
  const truth = { spent: 0, calls: 0, inFlight: 0, mostInFlight: 0 };
  const script: Script = async (request, connection) => {
    if (request.method === "GET") return connection.write(reply(200, { data: [] }));
    const { max_tokens = 0, max_completion_tokens = 0, n = 1, stream, user, input } = request.body;
    truth.calls++;
    if (input !== undefined) {
      // It says that it has read nothing.
      truth.spent += input.length / 5;
      return connection.write(
        reply(200, { data: [{ index: 0, embedding: [0] }], usage: { prompt_tokens: 0 } }),
      );
    }
    const words = Math.min(Math.max(max_tokens, max_completion_tokens) * n, most);
    truth.spent += words;
    truth.mostInFlight = Math.max(truth.mostInFlight, ++truth.inFlight);
    const content = "word ".repeat(words);
    const usage =
      user === "silent"
        ? {}
        : { usage: { prompt_tokens: 10, completion_tokens: words, total_tokens: words + 10 } };
    if (!stream) {
      const message = { role: "assistant", content };
      const choice = request.path.endsWith("/chat/completions") ? { message } : { text: content };
      connection.write(reply(200, { choices: [{ index: 0, ...choice, finish_reason: "stop" }], ...usage }));
    } else {
      // The usage, if any, comes only when the caller has had time to leave.
      connection.write(streamHead + chunk(chatFrames([content], false).slice(0, -1).join("")));
      if (user === "leave") await connection.closed;
      else connection.write(chunk("data: [DONE]\n\n") + lastChunk);
    }
    truth.inFlight--;
  };
  return { truth, script };
}

interface Trick extends Record<string, unknown> {
  /** Another path than that of chat. */
  at?: string;
}

/** Ways to be counted for less than one uses. */
const tricks: readonly Trick[] = [
  { max_tokens: 200 },
  { max_tokens: 100_000, max_completion_tokens: 0 },
  { max_tokens: 1, max_completion_tokens: 400 },
  { max_tokens: 100, n: 5 },
  { max_tokens: 100, best_of: 5 },
  { max_tokens: 300, user: "silent" },
  { max_tokens: 300, user: "silent", stream: true },
  { max_tokens: 300, user: "leave", stream: true },
  { at: "/v1/messages", max_tokens: 300 },
  { at: "/v1/embeddings", input: words },
  { at: "/v1/completions", prompt: "hi", max_tokens: 100, n: 4, user: "silent" },
  { at: "/v1/completions", prompt: "hi", max_tokens: 50, best_of: 8 },
  { at: "/api/v1/agents/poet/chat", max_tokens: 300, user: "silent" },
];

it("200 callers with every trick stay within the limit of their user, but for the calls in flight (T93, T113, T114)", async () => {
  const { truth, script } = provider();
  const { server } = await withProvider(script, { price: { input: 1, output: 1 } });
  const grants = ["tokens", "groups", "users", "llms"].map((resource) => ({ role: "edit", resource }));
  const run = ["llms", "agents"].map((resource) => ({ role: "run", resource }));
  const alice = await server.user("alice", [...grants, ...run]);
  await must(server.admin("POST", "/api/v1/agents", { name: "poet", llm: "gpt", systemPrompt: "Rhyme." }));
  const members = ["alice", "admin"];
  await must(server.admin("PUT", "/api/v1/users/alice", { limits: { tokensPerDay: limit } }));
  await must(server.admin("POST", "/api/v1/groups", { name: "a", members, limits: { costPerDay: 100 } }));
  await must(server.admin("POST", "/api/v1/groups", { name: "b", limits: { tokensPerMinute: 10 * limit } }));

  const refused = { count: 0, wrong: [] as number[] };
  const ask = async (bearer: string, { at = path, ...trick }: Trick) => {
    const leave = new AbortController();
    const response = await fetch(server.url + at, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify({
        ...(at.startsWith("/v1/") && { model: "gpt" }),
        ...(!("input" in trick || "prompt" in trick) && question),
        ...trick,
      }),
      signal: leave.signal,
    });
    if (response.status === 429) refused.count++;
    else if (response.status !== 200) refused.wrong.push(response.status);
    if (response.status !== 200 || !("user" in trick && trick.user === "leave"))
      return void (await response.text());
    let text = "";
    for await (const bytes of response.body!) {
      text += Buffer.from(bytes).toString();
      if (text.includes('"stop"')) break;
    }
    leave.abort();
  };
  /** Tries to lift the limits. */
  const lift = async () => {
    const tries = [
      ["PUT", "/api/v1/users/alice", { limits: null }],
      ["PUT", "/api/v1/groups/a", { members: ["admin"] }],
      ["DELETE", "/api/v1/groups/a"],
      ["PUT", "/api/v1/llms/gpt", { price: { input: 0, output: 0 } }],
    ] as const;
    for (const [method, at, body] of tries) expect((await alice.call(method, at, body)).status).toBe(403);
  };
  let makers = [alice.bearer];
  await Promise.all(
    Array.from({ length: callers }, async (_, n) => {
      let bearer = alice.bearer;
      if (n % 4 === 0) {
        const maker = server.as(makers[n % makers.length]);
        const token = { name: `t-${n}`, roleBindings: [...run, grants[0]] };
        bearer = (await must(maker("POST", "/api/v1/tokens", token))).body.token;
        if (n % 8 === 0) makers = [...makers.slice(-3), bearer];
      }
      for (let round = 0; round < 3; round++) {
        await ask(bearer, tricks[(n + round) % tricks.length]!);
        if (n % 50 === round) await lift();
        // The administrator moves her between groups meanwhile.
        if (n % 20 === 0)
          await must(server.admin("PUT", "/api/v1/groups/b", { members: round % 2 ? [] : ["alice"] }));
      }
    }),
  );
  expect(refused.wrong).toEqual([]);
  expect(refused.count).toBeGreaterThan(callers);
  expect(truth.calls).toBeGreaterThan(20);
  expect(truth.spent).toBeLessThanOrEqual(limit + truth.mostInFlight * most);
  expect(truth.spent).toBeLessThan(3 * limit);
  await ask(alice.bearer, { max_tokens: 100_000 });
  const { calls } = truth;
  for (const trick of tricks) await ask(alice.bearer, { ...trick, max_tokens: 100_000 });
  expect(truth.calls).toBeLessThanOrEqual(calls + 1);
});
