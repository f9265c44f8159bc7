import { describe, expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { chunk, lastChunk, reply, type Script, streamHead } from "../../../support/upstream.ts";
import { events } from "../setup.ts";
import { hello, prompt, withPersona } from "./setup.ts";

const model = "agent:reviewer";
const defaultParams = { temperature: 0.2, max_tokens: 50, stop: ["END"], reasoning_effort: "low" };

const anthropic = { type: "anthropic", model: "claude-opus-4-6" };

describe("a persona is called in every dialect, at providers of both types", () => {
  it.each([
    ["openai", {}],
    ["anthropic", anthropic],
  ])("chat at %s: with its prompt first, and its parameters if the caller sets none", async (_, llm) => {
    const { provider, call } = await withPersona(
      { defaultParams: { ...defaultParams, reasoning_effort: "none" } },
      { llm },
    );
    const { body } = await must(call("POST", "/v1/chat/completions", { model, messages: [hello] }));
    expect(body.choices[0].message.content).toBe("hello there");
    const [seen] = provider.seen;
    if (!("type" in llm)) {
      expect(seen!.body).toEqual({
        model: "up",
        messages: [{ role: "system", content: prompt }, hello],
        ...defaultParams,
        reasoning_effort: "none",
      });
    } else {
      expect(seen!.path).toBe("/v1/messages");
      expect(JSON.stringify(seen!.body.system)).toContain(prompt);
      expect(seen!.body).toMatchObject({ max_tokens: 50, stop_sequences: ["END"], temperature: 0.2 });
      // A translated response has the requested model.
      expect(body.model).toBe(model);
    }
  });

  it.each([
    ["anthropic", anthropic],
    ["openai", {}],
  ])("messages at %s", async (type, llm) => {
    const { provider, call } = await withPersona({ defaultParams }, { llm });
    const said = { model, max_tokens: 9, messages: [hello] };
    await must(call("POST", "/v1/messages", said));
    await must(call("POST", "/v1/messages", { ...said, system: "Be brief." }));
    await must(call("POST", "/v1/messages", { ...said, system: [{ type: "text", text: "Be brief." }] }));
    const [bare, text, blocks] = provider.seen.map(({ body }) => body);
    if (type === "anthropic") {
      expect(bare).toEqual({
        ...said,
        model: anthropic.model,
        system: prompt,
        temperature: 0.2,
        stop_sequences: ["END"],
        output_config: { effort: "low" },
      });
      expect(text.system).toBe(`${prompt}\n\nBe brief.`);
      expect(blocks.system).toEqual([
        { type: "text", text: prompt },
        { type: "text", text: "Be brief." },
      ]);
    } else {
      expect(bare.messages[0]).toEqual({ role: "system", content: prompt });
      expect(bare).toMatchObject({ model: "up", stop: ["END"], temperature: 0.2 });
      expect(JSON.stringify(text.messages)).toContain(`${prompt}\\n\\nBe brief.`);
    }
  });

  it.each([
    ["openai", {}],
    ["anthropic", anthropic],
  ])("responses at %s", async (type, llm) => {
    const { stop: _, ...params } = defaultParams;
    const response_format = { type: "json_schema", json_schema: { name: "n", schema: { type: "object" } } };
    const more = type === "openai" ? { verbosity: "low", response_format } : {};
    const { provider, call } = await withPersona({ defaultParams: { ...params, ...more } }, { llm });
    const said = { model, input: "hello", instructions: "Be brief.", store: false };
    const { body } = await must(
      call("POST", "/v1/responses", {
        ...said,
        ...(type === "openai" && { text: { verbosity: "high" } }),
      }),
    );
    expect(JSON.stringify(body.output)).toContain("hello there");
    const [seen] = provider.seen;
    if (type === "openai") {
      expect(seen!.body).toMatchObject({
        model: "up",
        instructions: `${prompt}\n\nBe brief.`,
        temperature: 0.2,
        max_output_tokens: 50,
        reasoning: { effort: "low" },
        text: { verbosity: "high", format: { type: "json_schema", name: "n", schema: { type: "object" } } },
      });
    } else {
      expect(JSON.stringify(seen!.body.system)).toContain(`${prompt}\\n\\nBe brief.`);
      expect(body.model).toBe(model);
    }
  });

  it("streamed, by its own path, without a model in the body", async () => {
    const { provider, call } = await withPersona({}, { llm: anthropic });
    const { text } = await must(
      call("POST", "/api/v1/agents/reviewer/chat", { messages: [hello], stream: true }),
    );
    expect(text).toContain('"content":"hello"');
    expect(text).toContain(`"model":"${model}"`);
    expect(text).not.toContain('"model":"gpt"');
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(provider.seen).toHaveLength(1);
  });

  it("count_tokens counts its prompt too", async () => {
    const { provider, call } = await withPersona({ defaultParams }, { llm: anthropic });
    const { body } = await must(call("POST", "/v1/messages/count_tokens", { model, messages: [hello] }));
    expect(body).toEqual({ input_tokens: 5 });
    expect(provider.seen[0]!.body).toEqual({ model: anthropic.model, messages: [hello], system: prompt });
  });
});

it("the parameters of the caller stay unchanged, to the byte", async () => {
  const { provider, call } = await withPersona({ defaultParams: { ...defaultParams, seed: 7 } });
  const own = '[ {"role":"user","content":"a\\u0062c","n":12345678901234567890, "f":1.0} ]';
  const text = `{"model":"agent:reviewer", "temperature": 1.50,"max_completion_tokens":3,"stop":null,"messages":${own}}`;
  await must(call("POST", "/v1/chat/completions", text));
  const seen = provider.seen[0]!;
  expect(seen.text).toContain(`${JSON.stringify({ role: "system", content: prompt })}, ${own.slice(2)}`);
  expect(seen.text).toContain('"temperature": 1.50,');
  expect(seen.body).toMatchObject({ model: "up", max_completion_tokens: 3, stop: ["END"], seed: 7 });
  expect(seen.body).not.toHaveProperty("max_tokens");
});

it("a default that the dialect does not have returns 400 with its name, and no request is sent", async () => {
  const { provider, call, server } = await withPersona({ defaultParams: { seed: 7, presence_penalty: 0 } });
  for (const [path, body] of [
    ["/v1/messages", { model, max_tokens: 9, messages: [hello] }],
    ["/v1/responses", { model, input: "hello", store: false }],
  ] as const) {
    const { status, body: refused } = await call("POST", path, body);
    expect([status, refused.error.message]).toEqual([
      400,
      expect.stringContaining('agent "reviewer" sets seed'),
    ]);
  }
  const embeddings = await call("POST", "/v1/embeddings", { model, input: "hello" });
  expect([embeddings.status, embeddings.body.error.message]).toEqual([
    400,
    "agents have no embeddings: name an llm",
  ]);
  expect(provider.seen).toEqual([]);
  expect((await events(server)).map(({ status }) => status)).toEqual([400, 400, 400]);
});

it("a default response_format that the dialect does not have returns 400, unless the caller sets one", async () => {
  const llm = anthropic;
  const { provider, call } = await withPersona(
    { defaultParams: { response_format: { type: "json_object" } } },
    { llm },
  );
  const said = { model, max_tokens: 9, messages: [hello] };
  const { status, body } = await call("POST", "/v1/messages", said);
  expect([status, body.error.message]).toEqual([400, expect.stringContaining("sets response_format")]);
  const output_config = { format: { type: "json_schema", schema: { type: "object" } } };
  await must(call("POST", "/v1/messages", { ...said, output_config }));
  expect(provider.seen.map((seen) => seen.body.output_config)).toEqual([output_config]);
});

it("is in the list of models of users who may run it, and of no others", async () => {
  const { server, call } = await withPersona();
  await must(server.admin("POST", "/api/v1/agents", { name: "secret", llm: "gpt", visibility: "private" }));
  const { body } = await must(call("GET", "/v1/models"));
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual([model]);
  expect((await must(call("GET", `/v1/models/${model}`))).body).toMatchObject({ id: model, object: "model" });
  expect((await call("GET", "/v1/models/agent:secret")).status).toBe(404);
  const other = await server.token("t", [{ role: "run", resource: "llms" }]);
  const ids = (await must(other.call("GET", "/v1/models"))).body.data.map(({ id }: { id: string }) => id);
  expect(ids).toEqual(["gpt"]);
});

it("needs run on the agent, and not on the llm; run on the llm is not enough", async () => {
  const { server, call, provider } = await withPersona();
  const ask = (as: typeof call, model: string) =>
    as("POST", "/v1/chat/completions", { model, messages: [hello] });
  const llms = await server.token("t", [{ role: "run", resource: "llms" }]);
  expect((await ask(call, "gpt")).status).toBe(403);
  expect((await ask(call, "missing")).status).toBe(403);
  expect((await ask(call, "agent:missing")).status).toBe(404);
  for (const name of ["agent:reviewer", "agent:missing"])
    expect((await ask(llms.call, name)).status).toBe(403);
  // The path of an llm does not accept the name of a persona.
  expect((await llms.call("POST", "/api/v1/llms/gpt/infer", { model, messages: [hello] })).status).toBe(400);
  const elsewhere = await call("POST", "/api/v1/agents/reviewer/chat", { model: "gpt", messages: [hello] });
  expect([elsewhere.status, elsewhere.body.details[0].path]).toEqual([400, "/model"]);
  expect((await call("POST", "/api/v1/agents/reviewer/chat", { messages: [] })).body.error).toBe(
    "messages is required",
  );
  expect(provider.seen).toEqual([]);
});

it("is in the audit log with caller, llm and persona, and counts against the caller's limits", async () => {
  const { server, call, provider } = await withPersona();
  await must(server.admin("PUT", "/api/v1/users/bob", { limits: { requestsPerMinute: 1 } }));
  const ask = () => call("POST", "/v1/chat/completions", { model, messages: [hello] });
  await must(ask());
  expect((await ask()).status).toBe(429);
  const [refused, answered] = await events(server);
  expect(answered).toMatchObject({
    user: "bob",
    llm: "gpt",
    status: 200,
    promptTokens: 7,
    detail: { agent: "reviewer" },
  });
  expect(refused).toMatchObject({ user: "bob", status: 429 });
  expect(JSON.stringify(answered)).not.toContain(prompt);
  expect(provider.seen).toHaveLength(1);
});

describe("the response of a persona has the requested model, and nothing else changes", () => {
  const ask = { messages: [hello], max_tokens: 9 };
  const events = (text: string) =>
    text
      .split("\n\n")
      .flatMap((frame) => /data: (\{.*)/.exec(frame)?.[1] ?? [])
      .map((data) => JSON.parse(data));

  it.each([
    ["chat", "/v1/chat/completions", {}],
    ["messages", "/v1/messages", anthropic],
  ])("%s, in a passthrough", async (_, path, llm) => {
    const { call } = await withPersona({}, { llm });
    const direct = await must(call("POST", path, { ...ask, model }));
    expect(direct.body.model).toBe(model);
    expect(direct.text).toContain("hello there");
    const { text } = await must(call("POST", path, { ...ask, model, stream: true }));
    const named = events(text).flatMap((event) => event.model ?? event.message?.model ?? []);
    expect(new Set(named)).toEqual(new Set([model]));
    expect(named.length).toBeGreaterThan(0);
    expect(text).not.toContain('"up"');
  });

  it("unchanged to the byte, whatever the content is", async () => {
    const content = 'say "model": "up" \u00e9\ud83d\ude00 in it';
    const frame = (rest: object) => `data: ${JSON.stringify({ id: "c", model: "up", ...rest })}\n\n`;
    const choices = [{ index: 0, delta: { content }, finish_reason: null }];
    const frames = [
      frame({ choices }),
      `: comment "model": "up"\n\n`,
      frame({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
      "data: [DONE]\n\n",
    ];
    const script: Script = (request, connection) => {
      if (!request.body.stream)
        return connection.write(
          reply(
            200,
            `{"id":12345678901234567890, "model" : "up","choices":${JSON.stringify([{ message: { content, model: "up" } }])}}`,
          ),
        );
      connection.write(streamHead);
      for (const one of frames) connection.write(chunk(one));
      connection.write(lastChunk);
    };
    const { call } = await withPersona({}, { script });
    const { text } = await must(call("POST", "/v1/chat/completions", { ...ask, model, stream: true }));
    expect(text).toBe(frames.join("").replaceAll('"id":"c","model":"up"', `"id":"c","model":"${model}"`));
    const whole = await must(call("POST", "/v1/chat/completions", { ...ask, model }));
    expect(whole.text).toContain(`{"id":12345678901234567890, "model" : "${model}",`);
    expect(whole.body.choices[0].message).toEqual({ content, model: "up" });
  });

  it("and the response of an llm stays unchanged", async () => {
    const { server } = await withPersona();
    const { body } = await must(server.admin("POST", "/v1/chat/completions", { ...ask, model: "gpt" }));
    expect(body.model).toBe("up");
  });
});
