import { describe, expect, it } from "vitest";
import {
  countInputTokens,
  countInputTokensInTurns,
} from "../../../src/adapters/tokens/count-input-tokens.ts";
import { countTokens } from "../../../src/adapters/tokens/count-tokens.ts";
import { cutLongTexts } from "../../../src/wire/cut-long-texts.ts";
import { must } from "../../support/server.ts";
import { chatAnswer, goodProvider, reply } from "../../support/upstream.ts";
import { lastEvent, withProvider } from "./setup.ts";

/** Long enough for a request that is read in turns, with a letter that takes two bytes in memory. */
const long = `${'He said "no".\n'.repeat(80_000)}漢`;
const embeddings = { object: "list", data: [{ object: "embedding", index: 0, embedding: [1] }] };
const image = `data:image/png;base64,${"iVBORw0K".repeat(20_000)}`;

describe("a call with long texts (T248)", () => {
  it("reaches a provider of its dialect with the caller's own bytes but for the model", async () => {
    const { call, provider, server } = await withProvider(goodProvider);
    const text = `{ "messages": [{"role":"user","content":[{"type":"text","text":${JSON.stringify(long)}},{"type":"image_url","image_url":{"url":"${image}"}}]}], "seed": 12345678901234567890, "model":"gpt"}`;
    await must(call("POST", "/v1/chat/completions", text));
    expect(provider.seen[0]!.text === text.replace('"gpt"', '"up"')).toBe(true);
    expect((await lastEvent(server)).status).toBe(200);
  });

  it("is translated, also into arguments of tools", async () => {
    const { call, provider } = await withProvider(goodProvider);
    const use = { type: "tool_use", id: "t1", name: "write", input: { content: long, path: "a" } };
    const messages = [
      { role: "user", content: long },
      { role: "assistant", content: [use] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: long }] },
    ];
    const { body } = await must(
      call("POST", "/v1/messages", { model: "gpt", max_tokens: 9, system: long, messages }),
    );
    const [system, user, assistant, tool] = provider.seen[0]!.body.messages;
    const [made] = assistant.tool_calls;
    expect([system.content, user.content, tool.content].map((content) => content === long)).toEqual([
      true,
      true,
      true,
    ]);
    expect(JSON.parse(made.function.arguments).content === long).toBe(true);
    expect(JSON.stringify(body)).not.toContain("u0001");
  });

  it("is remembered whole for the next request of a conversation", async () => {
    const { call, provider } = await withProvider(goodProvider, { responses: "translated" });
    const first = await must(call("POST", "/v1/responses", { model: "gpt", input: long }));
    const next = { model: "gpt", previous_response_id: first.body.id, input: "and now?" };
    await must(call("POST", "/v1/responses", next));
    const [before, , now] = provider.seen[1]!.body.messages;
    expect(before.content === long).toBe(true);
    expect(now.content).toBe("and now?");
  });

  it("is one of a persona, whose prompt stands before it", async () => {
    const { call, provider, server } = await withProvider(goodProvider);
    await must(
      server.admin("POST", "/api/v1/agents", { name: "helper", llm: "gpt", systemPrompt: "Be brief." }),
    );
    const caller = await server.token("p", [
      { role: "run", resource: "agents" },
      { role: "run", resource: "llms" },
    ]);
    const messages = [{ role: "user", content: long }];
    await must(caller.call("POST", "/v1/chat/completions", { model: "agent:helper", messages }));
    const [system, user] = provider.seen[0]!.body.messages;
    expect([system.content, user.content === long]).toEqual(["Be brief.", true]);
    expect((await call("POST", "/v1/chat/completions", { model: "agent:helper", messages })).status).toBe(
      403,
    );
  });

  it("counts with all its text, and with its image as an image, where the provider tells no usage", async () => {
    const { usage: _, ...untold } = chatAnswer("hi");
    const { call, server } = await withProvider((_asked, connection) => connection.write(reply(200, untold)));
    const parts = [
      { type: "text", text: long },
      { type: "image_url", image_url: { url: image } },
    ];
    await must(
      call("POST", "/v1/chat/completions", { model: "gpt", messages: [{ role: "user", content: parts }] }),
    );
    const written = JSON.stringify(long).length;
    const { promptTokens } = await lastEvent(server);
    expect(promptTokens).toBeGreaterThan(written / 4);
    expect(promptTokens).toBeLessThan(written / 4 + 1500);
  });

  it("is refused with more than 16 MB of other things, and calls no provider", async () => {
    const { call, provider } = await withProvider(goodProvider);
    const messages = Array(600).fill({ role: "user", content: "x".repeat(30_000) });
    const { status, body } = await call("POST", "/v1/chat/completions", { model: "gpt", messages });
    expect([status, body.error.message]).toEqual([
      413,
      "the body without its long texts, images and files is larger than 16 MB",
    ]);
    expect(provider.seen).toEqual([]);
  });

  it("is one of any other operation, and of a conversation that a provider keeps", async () => {
    const { call, provider } = await withProvider(
      (asked, connection) =>
        connection.write(
          reply(
            200,
            asked.path.endsWith("embeddings") ? embeddings : { id: "conv_1", object: "conversation" },
          ),
        ),
      { responses: "stateful" },
    );
    const text = `{"input":${JSON.stringify(long)},"user":"u","model":"gpt"}`;
    await must(call("POST", "/v1/embeddings", text));
    expect(provider.seen[0]!.text === text.replace('"gpt"', '"up"')).toBe(true);
    const items = [{ type: "message", role: "user", content: long }];
    await must(call("POST", "/v1/conversations", { model: "gpt", items }));
    expect(provider.seen[1]!.body).toEqual({ items });
  });

  it("is not cut where its characters are billed, and has 16 MB there at most", async () => {
    const { call, provider, server } = await withProvider((_asked, connection) =>
      connection.write(reply(200, {})),
    );
    await must(call("POST", "/v1/audio/speech", { model: "gpt", voice: "v", input: long }));
    expect((await lastEvent(server)).characters).toBe(long.length);
    const { status } = await call("POST", "/v1/audio/speech", {
      model: "gpt",
      input: "x".repeat(17_000_000),
    });
    expect([status, provider.seen.length]).toEqual([413, 1]);
  });

  it("has its tokens estimated with all its text and every page of its files", async () => {
    const { call } = await withProvider(goodProvider);
    const source = { type: "base64", media_type: "application/pdf", data: "JVBERi0x".repeat(100_000) };
    const content = [
      { type: "text", text: long },
      { type: "document", source },
    ];
    const use = { type: "tool_use", id: "t1", name: "write", input: { content: long } };
    const messages = [
      { role: "user", content },
      { role: "assistant", content: [use] },
    ];
    const whole = countTokens({ messages }).input_tokens;
    const { body } = await must(call("POST", "/v1/messages/count_tokens", { model: "gpt", messages }));
    expect(Math.abs(body.input_tokens / whole - 1)).toBeLessThan(0.02);
    const cut = await cutLongTexts(Buffer.from(JSON.stringify({ input: long })));
    const counted = await countInputTokensInTurns(JSON.parse(String(cut!.rest)), cut!.long);
    expect(Math.abs(counted.input_tokens / countInputTokens({ input: long }).input_tokens - 1)).toBeLessThan(
      0.02,
    );
  });
});
