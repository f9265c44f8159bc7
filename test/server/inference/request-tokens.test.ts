import { describe, expect, it } from "vitest";
import { tokensOfRequest } from "../../../src/server/inference/request-tokens.ts";
import { cutLongTexts } from "../../../src/wire/cut-long-texts.ts";
import { must } from "../../support/server.ts";
import { chatFrames, chunk, reply, type Script, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { addLlm, events, withProvider } from "./setup.ts";

const base64 = (beginning: string, bytes: number) =>
  Buffer.concat([Buffer.from(beginning, "latin1"), Buffer.alloc(bytes, "x7~")]).toString("base64");
const png = base64("\x89PNG\r\n\x1a\n", 900_000);

const inMessages = (data: string) => ({
  type: "image",
  source: { type: "base64", media_type: "image/png", data },
});
const inChat = (data: string) => ({
  type: "image_url",
  image_url: { url: `data:image/png;base64,${data}` },
});

describe("the estimate of a request", () => {
  it.each([
    ["English", "word ".repeat(2000), [2000, 3000]],
    ["Chinese, of which a sign is about a token", "漢字".repeat(2000), [2800, 4000]],
    ["emoji", "😀".repeat(2000), [2000, 4000]],
    ["Russian", "слово ".repeat(1000), [1500, 3500]],
    ["an image of the messages dialect", inMessages(png), [800, 1700]],
    ["an image of the chat dialect", inChat(png), [800, 1700]],
    [
      "an image by its url",
      { type: "image_url", image_url: { url: "https://example.com/a.png" } },
      [800, 1700],
    ],
    [
      "a PDF",
      { type: "document", source: { type: "base64", data: base64("%PDF-1.7", 100_000) } },
      [1500, 4000],
    ],
    ["sound", { type: "input_audio", input_audio: { data: base64("ID3", 160_000) } }, [100, 400]],
  ] as const)("counts %s (T284)", (_what, content, [least, most]) => {
    const { all } = tokensOfRequest(JSON.stringify({ content }));
    expect(all).toBeGreaterThanOrEqual(least);
    expect(all).toBeLessThanOrEqual(most);
  });

  it.each([inMessages, inChat])(
    "takes a file that was cut out of a large request for no text",
    async (of) => {
      const cut = await cutLongTexts(Buffer.from(JSON.stringify({ messages: [{ content: [of(png)] }] })));
      const { all } = tokensOfRequest(cut!.rest.toString(), cut!.long);
      expect(all).toBeGreaterThan(800);
      expect(all).toBeLessThan(3000);
      const spaceless = JSON.stringify({ text: "y".repeat(1_000_000) });
      const text = await cutLongTexts(Buffer.from(spaceless));
      expect(tokensOfRequest(text!.rest.toString(), text!.long).text).toBeGreaterThan(200_000);
    },
  );
});

const streamed: Script = (request, connection) => {
  if (request.method === "GET") return connection.write(reply(200, { data: [] }));
  if (request.path.endsWith("/messages")) {
    const usage = { input_tokens: 1600, output_tokens: 2 };
    const content = [{ type: "text", text: "a cat" }];
    return connection.write(
      reply(200, { id: "m", type: "message", role: "assistant", content, usage, stop_reason: "end_turn" }),
    );
  }
  if (!request.body.stream) return connection.write(reply(200, { data: [{ index: 0, embedding: [0] }] }));
  connection.write(streamHead + chunk(chatFrames(["hi"], false).slice(0, -1).join("")));
};

it("a caller who leaves before the usage pays for what is not English, and for images, as for English (T284)", async () => {
  const { server, bearer } = await withProvider(streamed);
  const ask = async (content: unknown) => {
    const read = Promise.withResolvers<void>();
    const body = { model: "gpt", stream: true, messages: [{ role: "user", content }] };
    const before = (await events(server)).length;
    const caller = await postRaw(server.url, bearer, "/v1/chat/completions", body, () => read.resolve());
    await read.promise;
    caller.leave();
    await expect.poll(async () => (await events(server)).length).toBe(before + 1);
    return (await events(server))[0].promptTokens as number;
  };
  expect(await ask("漢字".repeat(2000))).toBeGreaterThan(2800);
  expect(await ask(Array.from({ length: 5 }, () => inChat(png.slice(0, 4000))))).toBeGreaterThan(4000);
});

it("tokens that are given as numbers count, where the provider reports no usage (T284)", async () => {
  const { server, call } = await withProvider(streamed);
  const input = Array.from({ length: 100 }, () => Array(50).fill(7));
  await must(call("POST", "/v1/embeddings", { model: "gpt", input }));
  expect((await events(server))[0]).toMatchObject({ promptTokens: 5000 });
});

it("an image of a megabyte counts as its provider says, and needs no room of a million tokens", async () => {
  const { server, provider } = await withProvider(streamed);
  await addLlm(server, { name: "claude", type: "anthropic", model: "m", url: provider.url });
  const roleBindings = [{ role: "run", resource: "llms" }];
  const limits = { tokensPerDay: 10_000 };
  const { body } = await must(
    server.admin("POST", "/api/v1/tokens", { name: "small", roleBindings, limits }),
  );
  const call = server.as(body.token);
  const content = [inMessages(png), { type: "text", text: "what is this?" }];
  for (let n = 0; n < 3; n++) {
    const question = { model: "claude", max_tokens: 50, messages: [{ role: "user", content }] };
    await must(call("POST", "/v1/messages", question));
    const [event] = await events(server);
    expect([event.promptTokens, event.detail]).toEqual([1600, undefined]);
  }
});
