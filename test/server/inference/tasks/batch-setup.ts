import OpenAI, { toFile } from "openai";
import { expect } from "vitest";
import { goodProvider, reply, type Script, type Seen } from "../../../support/upstream.ts";
import { confidential } from "../setup.ts";

/** A line of an input file. */
export const line = (id: string, body: object = {}, more: object = {}) => ({
  custom_id: id,
  method: "POST",
  url: "/v1/chat/completions",
  body: { model: "gpt", messages: [{ role: "user", content: `${confidential} ${id}` }], ...body },
  ...more,
});

const textOf = (lines: readonly unknown[]) =>
  lines.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");

/** Answers with the caller's words. */
export const echo: Script = (asked: Seen, connection) => {
  // The server reads what the model can do.
  if (asked.method === "GET") return goodProvider(asked, connection);
  const { content } = asked.body.messages[0];
  const [, status] = /fail (\d+)/.exec(content) ?? [];
  if (status) {
    connection.write(
      reply(Number(status), { error: { message: "no luck", type: "t", code: "c", param: null } }),
    );
    return;
  }
  connection.write(
    reply(200, {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1,
      model: "up",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    }),
  );
};

/** OpenAI's SDK at a server, with what tests do with it. */
export function sdkAt(url: string, bearer: string) {
  const openai = new OpenAI({ apiKey: bearer, baseURL: `${url}/v1`, maxRetries: 0 });
  const upload = async (lines: readonly unknown[]) =>
    openai.files.create({ file: await toFile(Buffer.from(textOf(lines)), "in.jsonl"), purpose: "batch" });
  const begin = async (lines: readonly unknown[], endpoint = "/v1/chat/completions" as const) =>
    openai.batches.create({
      input_file_id: (await upload(lines)).id,
      endpoint,
      completion_window: "24h",
    });
  const ended = async (id: string) => {
    const over = /^(completed|failed|expired|cancelled)$/;
    const options = { timeout: 110_000, interval: 20 };
    await expect.poll(async () => (await openai.batches.retrieve(id)).status, options).toMatch(over);
    return openai.batches.retrieve(id);
  };
  const linesOf = async (id: string | null | undefined) =>
    (await (await openai.files.content(id!)).text())
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text));
  return { openai, upload, begin, ended, linesOf };
}
