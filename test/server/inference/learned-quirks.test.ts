import { describe, expect, it } from "vitest";
import { must } from "../../support/server.ts";
import { chatAnswer, chatFrames, chunk, lastChunk, reply, streamHead } from "../../support/upstream.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const responsesPath = "/v1/responses";
const request = { ...question, max_tokens: 32_000 };
const answer = reply(200, chatAnswer("ok"));
const shown = async (server: Awaited<ReturnType<typeof withProvider>>["server"]) =>
  (await must(server.admin("GET", "/api/v1/llms/gpt"))).body.learnedQuirks;

describe("a refusal of something that the server can leave out (case 107)", () => {
  it("is corrected in the same call, remembered, and shown", async () => {
    const { call, provider, server } = await withProvider((asked, connection) => {
      const limit = asked.body.max_tokens;
      if (limit > 16_384)
        return connection.write(
          reply(400, {
            error: {
              message: `max_tokens is too large: ${limit}. This model supports at most 16384 completion tokens`,
            },
          }),
        );
      connection.write(answer);
    });
    for (let n = 0; n < 2; n++) expect((await call("POST", messagesPath, request)).status).toBe(200);
    expect(provider.seen.map(({ body }) => body.max_tokens)).toEqual([32_000, 16_384, 16_384]);
    expect(await shown(server)).toEqual({ maxOutputTokens: 16_384 });
    await must(server.admin("PUT", "/api/v1/llms/gpt", { description: "changed" }));
    expect(await shown(server)).toEqual({});
  });

  it("is corrected for the usage that the server asks for, also where bytes pass through", async () => {
    const { call, provider } = await withProvider((asked, connection) => {
      if ("stream_options" in asked.body)
        return connection.write(
          reply(422, { detail: [{ loc: ["body", "stream_options"], msg: "Extra inputs" }] }),
        );
      connection.write(streamHead + chunk(chatFrames(["hi"], false).join("")) + lastChunk);
    });
    for (const path of [chatPath, messagesPath]) {
      const { status, text } = await call("POST", path, { ...question, stream: true, max_tokens: 9 });
      expect([status, text]).toEqual([200, expect.stringContaining("hi")]);
    }
    expect(provider.seen).toHaveLength(3);
  });

  it("is not corrected twice in one call, and not for the caller's own field", async () => {
    const { call, provider, server } = await withProvider((asked, connection) => {
      const name = ["stream_options", "user"].find((field) => field in asked.body);
      connection.write(name ? reply(400, { error: { message: `${name} is unknown` } }) : answer);
    });
    const own = await call("POST", chatPath, { ...question, user: "me" });
    expect([own.status, provider.seen.length]).toEqual([400, 1]);
    expect(await onlyEvent(server)).toMatchObject({ status: 400 });
    const body = { ...request, metadata: { user_id: "me" }, stream: true };
    expect((await call("POST", messagesPath, body)).status).toBe(400);
    expect(provider.seen).toHaveLength(3);
    expect((await call("POST", messagesPath, body)).status).toBe(200);
  });

  it("names what was left out in a header", async () => {
    const { call } = await withProvider((_, connection) => connection.write(answer), {
      responses: "translated",
    });
    const body = {
      model: "gpt",
      input: "x",
      truncation: "auto",
      text: { verbosity: "low" },
      prompt_cache_key: "k",
    };
    const { status, headers } = await call("POST", responsesPath, body);
    expect([status, headers.get("x-mcpctl-dropped")]).toEqual([
      200,
      "truncation, prompt_cache_key, text.verbosity",
    ]);
    const plain = await call("POST", responsesPath, { model: "gpt", input: "x" });
    expect(plain.headers.get("x-mcpctl-dropped")).toBeNull();
  });
});

describe("a chat request that passes to a model that refuses a setting (case 150)", () => {
  const refuse = (message: string) => reply(400, { error: { message, type: "invalid_request_error" } });

  it("is sent once more without it, at once from then on, and the caller is told", async () => {
    const { call, provider, server } = await withProvider((asked, connection) => {
      const unsupported = "is not supported with this model.";
      if ("max_tokens" in asked.body)
        return connection.write(refuse(`'max_tokens' ${unsupported} Use 'max_completion_tokens' instead.`));
      if ("temperature" in asked.body) return connection.write(refuse(`'temperature' ${unsupported}`));
      connection.write(answer);
    });
    const limited = await call("POST", chatPath, request);
    expect([limited.status, limited.headers.get("x-mcpctl-dropped")]).toEqual([200, null]);
    for (let n = 0; n < 2; n++) {
      const { status, headers } = await call("POST", chatPath, { ...request, temperature: 0, top_p: 0.5 });
      expect([status, headers.get("x-mcpctl-dropped")]).toEqual([200, "temperature, top_p"]);
    }
    const sent = provider.seen.map(({ body }) => Object.keys(body).slice(2).join());
    expect(sent).toEqual([
      "max_tokens",
      "max_completion_tokens",
      "max_completion_tokens,temperature,top_p",
      ...["max_completion_tokens", "max_completion_tokens"],
    ]);
    expect(await shown(server)).toEqual({ limitField: "max_completion_tokens", sampling: false });
  });

  it("keeps what is out of range, which is the caller's own fault", async () => {
    const { call, provider } = await withProvider((_, connection) =>
      connection.write(refuse("temperature must be between 0 and 2")),
    );
    expect((await call("POST", chatPath, { ...question, temperature: 3 })).status).toBe(400);
    expect(provider.seen).toHaveLength(1);
  });

  it("is right at once where the model is known, streamed too", async () => {
    const { call, provider } = await withProvider(
      (_, connection) => connection.write(streamHead + chunk(chatFrames(["hi"], false).join("")) + lastChunk),
      { model: "o3" },
    );
    const { headers } = await call("POST", chatPath, { ...request, stream: true, temperature: 0 });
    expect(headers.get("x-mcpctl-dropped")).toBe("temperature");
    expect(provider.seen[0]!.body).toMatchObject({ model: "o3", max_completion_tokens: 32_000 });
    for (const gone of ["max_tokens", "temperature"]) expect(provider.seen[0]!.body).not.toHaveProperty(gone);
  });
});

describe("a provider of type openai without OpenAI's responses", () => {
  it.each([404, 405, 500, 501])("that answers %i gets chat completions from then on", async (status) => {
    const { call, provider } = await withProvider((asked, connection) =>
      connection.write(asked.path === responsesPath ? reply(status, { error: { message: "x" } }) : answer),
    );
    for (let n = 0; n < 2; n++)
      expect((await call("POST", responsesPath, { model: "gpt", input: "x" })).status).toBe(200);
    expect(provider.seen.map(({ path }) => path)).toEqual([responsesPath, chatPath, chatPath]);
  });

  it("that is llama.cpp gets chat completions, although it answers", async () => {
    const { call, provider } = await withProvider((asked, connection) =>
      connection.write(
        asked.path === responsesPath
          ? reply(200, { id: "resp_1", object: "response", output: [] }, { server: "llama.cpp" })
          : answer,
      ),
    );
    const { body } = await call("POST", responsesPath, { model: "gpt", input: "x" });
    expect(body.output[0].content[0].text).toBe("ok");
    expect(provider.seen.map(({ path }) => path)).toEqual([responsesPath, chatPath]);
  });

  it("is asked for them all the same where the llm says native", async () => {
    const { call, provider } = await withProvider(
      (_, connection) => connection.write(reply(404, { error: { message: "x" } })),
      { responses: "native" },
    );
    expect((await call("POST", responsesPath, { model: "gpt", input: "x" })).status).toBe(404);
    expect(provider.seen).toHaveLength(1);
  });
});

describe("a base url", () => {
  it("whose paths have no /v1 is found by the first 404", async () => {
    const { call, provider, server } = await withProvider((asked, connection) =>
      connection.write(asked.path === "/inference/chat/completions" ? answer : reply(404, "Not Found")),
    );
    await must(server.admin("PUT", "/api/v1/llms/gpt", { url: `${provider.url}/inference` }));
    for (let n = 0; n < 2; n++) expect((await call("POST", chatPath, question)).status).toBe(200);
    expect(provider.seen.map(({ path }) => path)).toEqual([
      "/inference/v1/chat/completions",
      "/inference/chat/completions",
      "/inference/chat/completions",
    ]);
  });

  it("may end in the path of a call", async () => {
    const { call, provider, server } = await withProvider((_, connection) => connection.write(answer));
    await must(server.admin("PUT", "/api/v1/llms/gpt", { url: `${provider.url}/api/v3/chat/completions` }));
    expect((await call("POST", chatPath, question)).status).toBe(200);
    expect(provider.seen[0]!.path).toBe("/api/v3/chat/completions");
  });
});

describe("the model gpt[1m]", () => {
  it.each([chatPath, messagesPath])("is gpt at %s", async (path) => {
    const { call } = await withProvider((_, connection) => connection.write(answer));
    expect((await call("POST", path, { ...request, model: "gpt[1m]" })).status).toBe(200);
  });
});

describe("the line about billing of Claude Code (case 108)", () => {
  it("does not reach other providers, translated or not", async () => {
    const line = { type: "text", text: "x-anthropic-billing-header: cc_version=2.1; cch=36ee5;" };
    const body = { ...request, system: [line, { type: "text", text: "You are Claude Code." }] };
    for (const type of ["openai", "anthropic"]) {
      const { call, provider } = await withProvider((_, connection) => connection.write(answer), { type });
      await call("POST", messagesPath, body);
      expect(provider.seen[0]!.text).not.toContain("billing");
      expect(provider.seen[0]!.text).toContain("You are Claude Code.");
    }
  });
});

describe("Claude Code at a model of Anthropic under another name (case 200)", () => {
  const message = {
    ...{ id: "msg_1", type: "message", role: "assistant", model: "up", stop_reason: "end_turn" },
    ...{ content: [{ type: "text", text: "ok" }], usage: { input_tokens: 1, output_tokens: 1 } },
  };
  const refusal = (words: string) =>
    reply(400, { type: "error", error: { type: "invalid_request_error", message: words } });
  const body = { ...request, thinking: { type: "adaptive" } };

  it("thinks in the model's own form, from the first call on", async () => {
    const { call, provider, server } = await withProvider(
      (asked, connection) =>
        connection.write(
          asked.body.thinking?.type === "adaptive"
            ? refusal("thinking.type: Input should be 'enabled' or 'disabled'")
            : reply(200, message),
        ),
      { type: "anthropic" },
    );
    for (let n = 0; n < 2; n++) expect((await call("POST", messagesPath, body)).status).toBe(200);
    expect(provider.seen.map((asked) => asked.body.thinking.type)).toEqual([
      "adaptive",
      "enabled",
      "enabled",
    ]);
    expect(await shown(server)).toEqual({ thinkingForms: ["enabled"] });
  });

  it("does without thinking where the model has none, and is told so", async () => {
    const { call, provider } = await withProvider(
      (asked, connection) =>
        connection.write(
          asked.body.thinking ? refusal("'up' does not support thinking.") : reply(200, message),
        ),
      { type: "anthropic" },
    );
    const { status, headers } = await call("POST", messagesPath, body);
    expect([status, headers.get("x-mcpctl-dropped")]).toEqual([200, "thinking"]);
    expect(provider.seen).toHaveLength(2);
  });

  it.each([
    ["gpt", 200, [32_000, 8_192]],
    // The caller named the model, and has set its limit for that one.
    ["up", 400, [32_000]],
  ])("asks %s for no more than the model gives: %i", async (name, expected, limits) => {
    const words = "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for up";
    const { call, provider } = await withProvider(
      (asked, connection) =>
        connection.write(asked.body.max_tokens > 8_192 ? refusal(words) : reply(200, message)),
      { type: "anthropic", name },
    );
    expect((await call("POST", messagesPath, { ...request, model: name })).status).toBe(expected);
    expect(provider.seen.map((asked) => asked.body.max_tokens)).toEqual(limits);
  });
});

describe("a thread that Anthropic would keep", () => {
  it("is refused in the words by which SDKs send the whole conversation", async () => {
    const { call, provider } = await withProvider((_, connection) => connection.write(answer));
    const { status, body } = await call("POST", messagesPath, { ...request, thread: { type: "create" } });
    expect([status, body.error.details]).toEqual([
      400,
      { error_code: "thread_unsupported_request", unsupported: ["thread"] },
    ]);
    expect(provider.seen).toHaveLength(0);
  });
});
