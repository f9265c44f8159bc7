import OpenAI, { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { reply, type Script, type Seen } from "../../../support/upstream.ts";
import { addLlm, confidential, events, withProvider } from "../setup.ts";

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

/** Answers with the caller's words, over several lines. */
const echo: Script = ({ body }: Seen, connection) => {
  const { content } = body.messages[0];
  const [, status] = /fail (\d+)/.exec(content) ?? [];
  if (status) {
    connection.write(reply(Number(status), { error: { message: "no luck", type: "t", code: "c", param: null } }));
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

async function withSdk(script: Script = echo) {
  const { server, provider, bearer, call } = await withProvider(script, {}, { tick: 50 });
  const openai = new OpenAI({ apiKey: bearer, baseURL: `${server.url}/v1`, maxRetries: 0 });
  const upload = async (lines: readonly unknown[]) =>
    openai.files.create({ file: await toFile(Buffer.from(textOf(lines)), "in.jsonl"), purpose: "batch" });
  const begin = async (lines: readonly unknown[], endpoint = "/v1/chat/completions" as const) =>
    openai.batches.create({
      input_file_id: (await upload(lines)).id,
      endpoint,
      completion_window: "24h",
    });
  const ended = async (id: string) => {
    let batch = await openai.batches.retrieve(id);
    await expect
      .poll(async () => (batch = await openai.batches.retrieve(id)).status, { timeout: 10_000, interval: 20 })
      .toMatch(/^(completed|failed|expired|cancelled)$/);
    return batch;
  };
  const linesOf = async (id: string | null | undefined) =>
    (await (await openai.files.content(id!)).text())
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text));
  return { server, provider, bearer, call, openai, upload, begin, ended, linesOf };
}

describe("OpenAI's SDK with files and batches", () => {
  it("gets the answers and the errors of a batch in files, with the ids of its requests", async () => {
    const { server, begin, ended, linesOf } = await withSdk();
    const fails = line("c", { messages: [{ role: "user", content: "fail 400" }] });
    const begun = await begin([line("a"), line("b"), fails]);
    expect(begun).toMatchObject({ object: "batch", status: "validating", endpoint: "/v1/chat/completions" });
    const batch = await ended(begun.id);
    expect(batch).toMatchObject({
      status: "completed",
      model: "gpt",
      errors: null,
      request_counts: { total: 3, completed: 2, failed: 1 },
    });
    const output = await linesOf(batch.output_file_id);
    expect(output).toMatchObject([
      {
        custom_id: "a",
        response: { status_code: 200, body: { choices: [{ message: { content: `${confidential} a` } }] } },
        error: null,
      },
      { custom_id: "b", response: { status_code: 200, body: { model: "up" } }, error: null },
    ]);
    expect(await linesOf(batch.error_file_id)).toMatchObject([
      { custom_id: "c", response: { status_code: 400, body: { error: { message: "no luck", code: "c" } } } },
    ]);
    const calls = await events(server);
    expect(calls).toHaveLength(3);
    expect(calls.map(({ requestId }) => requestId)).toContain(output[0].response.request_id);
    expect(JSON.stringify([calls, server.logged])).not.toContain(confidential);
  });
});

void addLlm;
