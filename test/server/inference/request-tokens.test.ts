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

const textFile = (text: string) => ({
  type: "file",
  file: { filename: "a.txt", file_data: `data:text/plain;base64,${Buffer.from(text).toString("base64")}` },
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
    ["a text file", textFile("word ".repeat(20_000)), [20_000, 40_000]],
    ["a text that begins as a file does", `data:image/png;base64,${"y".repeat(40_000)}`, [9000, 12_000]],
    ["a text with a file in it", `see ;base64,${"y".repeat(40_000)}`, [9000, 12_000]],
    [
      "a text beside a part that has no file",
      [
        { type: "text", text: "base64", url: "data:x;base64,yyy" },
        { type: "text", text: "y".repeat(40_000) },
      ],
      [9000, 12_000],
    ],
    [
      "arguments of a tool in the form of a file",
      [{ type: "tool_use", id: "t", name: "n", input: inMessages("y".repeat(40_000)) }],
      [9000, 12_000],
    ],
    [
      "an image in the result of a tool",
      [{ type: "tool_result", tool_use_id: "t", content: [inMessages(png)] }],
      [800, 1700],
    ],
    [
      "documents that the provider fetches or has",
      [
        { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } },
        { type: "file", file: { file_id: "file-1" } },
        { type: "input_file", file_url: "https://example.com/a.pdf" },
      ],
      [15_000, 16_000],
    ],
    [
      "a document that is a text",
      [{ type: "document", source: { type: "text", media_type: "text/plain", data: "y".repeat(40_000) } }],
      [9000, 12_000],
    ],
  ] as const)("counts %s (T284)", async (_what, content, [least, most]) => {
    const parts = typeof content === "string" || Array.isArray(content) ? content : [content];
    const body = { messages: [{ role: "user", content: parts }] };
    const { all } = tokensOfRequest({ text: JSON.stringify(body), body });
    expect(all).toBeGreaterThanOrEqual(least);
    expect(all).toBeLessThanOrEqual(most);
  });

  it("counts tools in the form of a file as text, also those that are cut out of a large request (T284)", async () => {
    const source = { type: "base64", media_type: "image/png", data: "y".repeat(400_000) };
    for (const body of [
      { messages: [], tools: [{ name: "n", input_schema: { type: "image", source } }] },
      { messages: [{ role: "user", content: `;base64,${"word ".repeat(80_000)}` }] },
      { input: [{ type: "function_call", arguments: `{"url":"data:a;base64,${"y".repeat(400_000)}"}` }] },
    ])
      expect((await cutAndCounted(body)).all).toBeGreaterThan(95_000);
  });

  it.each([inMessages, inChat])(
    "takes a file that was cut out of a large request for no text",
    async (of) => {
      const { all } = await cutAndCounted({ messages: [{ content: [of(png)] }] });
      expect(all).toBeGreaterThan(800);
      expect(all).toBeLessThan(3000);
      const { text } = await cutAndCounted({ messages: [{ content: "y".repeat(1_000_000) }] });
      expect(text).toBeGreaterThan(200_000);
    },
  );
});

/** The estimate for a request whose long texts are cut out. */
async function cutAndCounted(body: object) {
  const cut = await cutLongTexts(Buffer.from(JSON.stringify(body)));
  const text = cut?.rest.toString() ?? JSON.stringify(body);
  return tokensOfRequest({ text, body: JSON.parse(text), long: cut?.long });
}

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
  for (const words of ["y".repeat(40_000), "word ".repeat(40_000)])
    expect(await ask(`;base64,${words}`)).toBeGreaterThan(words.length / 4);
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
