import { describe, expect, it } from "vitest";
import { inAskedFormat } from "../../../src/adapters/passthrough/embedding-format.ts";
import { reply } from "../../support/upstream.ts";
import { withProvider } from "./setup.ts";

const path = "/v1/embeddings";
const vector = [0.5, -1, 2];
const base64 = Buffer.from(new Float32Array(vector).buffer).toString("base64");
const answer = (embedding: unknown) => ({
  object: "list",
  data: [0, 1].map((index) => ({ object: "embedding", index, embedding })),
  model: "up",
  usage: { prompt_tokens: 4, total_tokens: 4 },
});

describe("the format of embeddings (case 164)", () => {
  it.each([
    ["a list where base64 was asked", "base64", vector, base64],
    ["base64 where a list was asked", "float", base64, vector],
    ["base64 where nothing was asked", undefined, base64, vector],
    ["a list where it was asked", "float", vector, vector],
    ["base64 where it was asked", "base64", base64, base64],
  ])("%s", async (_name, encoding_format, sent, expected) => {
    const { call, provider } = await withProvider((_, connection) =>
      connection.write(reply(200, answer(sent))),
    );
    const { body } = await call("POST", path, { model: "gpt", input: ["a", "b"], encoding_format });
    expect(body).toEqual(answer(expected));
    expect(provider.seen[0]!.body.encoding_format).toBe(encoding_format);
  });

  it("is not asked of a provider that refuses the field, and the answer gets it here", async () => {
    const { call, provider } = await withProvider((asked, connection) =>
      connection.write(
        "encoding_format" in asked.body
          ? reply(400, { error: { message: "encoding_format is not supported by this model" } })
          : reply(200, answer(vector)),
      ),
    );
    for (const tries of [2, 3]) {
      const { body } = await call("POST", path, { model: "gpt", input: "a", encoding_format: "base64" });
      expect(body).toEqual(answer(base64));
      expect(provider.seen).toHaveLength(tries);
    }
  });

  it("leaves what is no vector, and words of a text, as they are", async () => {
    for (const text of ['{"embedding":["a"]}', '{"note":"\\"embedding\\":[1]"}', '{"embedding":[1,]}', "{}"])
      expect(await inAskedFormat(text, "base64")).toBeUndefined();
    for (const text of [
      '{"embedding":"abc"}',
      '{"embedding":""}',
      '{"note":"\\"embedding\\":\\"AAAAAA==\\""}',
    ])
      expect(await inAskedFormat(text, "float")).toBeUndefined();
  });

  it("of many vectors lets other work in between", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const one = `{"embedding":${JSON.stringify(Array(1000).fill(0.123456789))}}`;
    const text = await inAskedFormat(`[${Array(600).fill(one).join(",")}]`, "base64");
    clearInterval(timer);
    expect(JSON.parse(text!)).toHaveLength(600);
    expect(turns).toBeGreaterThan(1);
  });
});

describe("embeddings in another form than OpenAI's (case 179)", () => {
  const answering = (body: unknown) => withProvider((_, connection) => connection.write(reply(200, body)));

  it("become OpenAI's list, in the format that was asked for", async () => {
    const { call } = await answering({ model: "m", embeddings: [vector], prompt_eval_count: 4 });
    const { body } = await call("POST", path, { model: "gpt", input: "a", encoding_format: "base64" });
    expect(body).toEqual({
      object: "list",
      data: [{ object: "embedding", index: 0, embedding: base64 }],
      model: "m",
      usage: { prompt_tokens: 4, total_tokens: 4 },
    });
  });

  it("are an error where there are none", async () => {
    const { call } = await answering({ ...answer(vector), data: [] });
    const { status, body } = await call("POST", path, { model: "gpt", input: "a" });
    expect([status, body.error.message]).toEqual([502, "the provider sent an answer without embeddings"]);
  });
});
