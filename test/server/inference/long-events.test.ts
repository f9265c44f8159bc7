import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import type { BodySink } from "../../../src/net/http1/message-body.ts";
import { withLongEvents } from "../../../src/server/inference/long-events.ts";
import { must } from "../../support/server.ts";
import { chatFrames, chunk, lastChunk, reply, type Script, streamHead } from "../../support/upstream.ts";
import { withProvider } from "./setup.ts";

/** A text that is cut out of an event, with a letter that takes two bytes in memory. */
const long = `${'He said "no".\n'.repeat(30_000)}漢`;
const question = { model: "gpt", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };

const streamOf =
  (text: string, type = "text/event-stream"): Script =>
  (_asked, connection) =>
    connection.write(streamHead.replace("text/event-stream", type) + chunk(text) + lastChunk);

/** Returns the objects in the data of a stream. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
function eventsIn(text: string): any[] {
  return Array.from(text.matchAll(/^data: (\{.*)$/gm), ([, data]) => JSON.parse(data!));
}

describe("a long event of a stream that is translated (T258)", () => {
  it("reaches the caller whole, among short ones", async () => {
    const words = ["a", long, "b", long, "c"];
    const { call } = await withProvider(streamOf(chatFrames(words, true).join("")));
    const { text } = await must(call("POST", "/v1/messages", { ...question, stream: true }));
    const said = eventsIn(text).flatMap(({ delta }) => delta?.text ?? []);
    expect(said.join("") === words.join("")).toBe(true);
    expect(text.includes("u0001")).toBe(false);
  });

  it("is in the last event of responses, and remembered for the next request", async () => {
    const { call, provider } = await withProvider(streamOf(chatFrames(["a", long], true).join("")), {
      responses: "translated",
    });
    const ask = { model: "gpt", input: "hi", stream: true };
    const last = eventsIn((await must(call("POST", "/v1/responses", ask))).text).at(-1);
    expect(last.response.output[0].content[0].text === `a${long}`).toBe(true);
    const next = { ...ask, previous_response_id: last.response.id };
    await must(call("POST", "/v1/responses", next));
    expect(provider.seen[1]!.body.messages[1].content === `a${long}`).toBe(true);
  });

  it("is the same however its bytes are cut, with every line end, and at the end without a blank line", async () => {
    const frames = chatFrames(["a", long, "b"], true).join("");
    for (const text of [frames, frames.replaceAll("\n\n", "\r\n\r\n"), frames.trimEnd()]) {
      const { stream } = translationFor("messages", "chat")!;
      const whole = stream("m", question);
      const expected = said([whole.push(Buffer.from(text)), whole.end()]);
      for (const size of [1_000_000, 65_536, 4_099]) {
        const out = await passed(Buffer.from(text), size);
        expect(said(out) === expected).toBe(true);
      }
    }
  });

  it("ends in one error where it is cut off, or has more than 1 MB besides its long texts", async () => {
    const frame = chatFrames([long], false)[1]!;
    const cut = await withProvider((_asked, connection) => {
      connection.end(streamHead + chunk(chatFrames(["a"], false)[1]!) + chunk(frame.slice(0, 300_000)));
    });
    const call = {
      delta: {
        tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "x".repeat(1_100_000) } }],
      },
    };
    const large = await withProvider(
      streamOf(
        `${chatFrames(["a"], false)[1]!}data: ${JSON.stringify({ choices: [{ index: 0, ...call }] })}\n\n`,
      ),
    );
    for (const [{ call }, message] of [
      [cut, "stopped in the middle"],
      [large, "more than 1048576 bytes"],
    ] as const) {
      const { text } = await call("POST", "/v1/messages", { ...question, stream: true });
      const errors = eventsIn(text).filter(({ type }) => type === "error");
      expect(errors.map(({ error }) => error.message)).toEqual([expect.stringContaining(message)]);
    }
  });

  it("ends in an error at 8 MB, also where no line of it is data (T378)", async () => {
    for (const line of [":\n", "id:1\n", "data:\n"]) {
      const flood = streamOf(line.repeat(9_000_000 / line.length));
      const { call } = await withProvider(flood);
      const { text } = await call("POST", "/v1/messages", { ...question, stream: true });
      expect(text).toContain("an event of the stream exceeds 8388608 bytes");
    }
  });

  it("is cut where a provider streams to a caller who asked for no stream", async () => {
    const words = ["a", long.repeat(3)];
    const { call } = await withProvider(streamOf(chatFrames(words, true).join("")));
    const chat = await must(call("POST", "/v1/chat/completions", question));
    expect(chat.body.choices[0].message.content === words.join("")).toBe(true);
    const messages = await must(call("POST", "/v1/messages", question));
    expect(messages.body.content[0].text === words.join("")).toBe(true);
  });
});

it("a line of JSON lines has 1 MB at most in a stream, and is cut where none was asked for (T258)", async () => {
  const line = (content: string, done = false) =>
    `${JSON.stringify({ done, message: { role: "assistant", content } })}\n`;
  const text = line("a") + line("x".repeat(1_100_000)) + line("", true);
  const { call } = await withProvider(streamOf(text, "application/x-ndjson"));
  const streamed = await call("POST", "/v1/chat/completions", { ...question, stream: true });
  expect(streamed.text).toContain("an event of the stream exceeds 1048576 bytes");
  const { body } = await must(call("POST", "/v1/chat/completions", question));
  expect(body.choices[0].message.content === `a${"x".repeat(1_100_000)}`).toBe(true);
});

it("an answer of more than 2,000 parts is not translated (T259)", async () => {
  const calls = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      index,
      id: `c${index}`,
      type: "function",
      function: { name: "f", arguments: "[1,2,3]" },
    }));
  let count = 1990;
  const { call } = await withProvider(({ body }, connection) => {
    const delta = { role: "assistant", content: null, tool_calls: calls(count) };
    if (body.stream && count % 2 === 1)
      return connection.write(
        `${streamHead}${chunk(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`)}${lastChunk}`,
      );
    const choices = [{ index: 0, message: delta, finish_reason: "tool_calls" }];
    return connection.write(reply(200, { id: "x", object: "chat.completion", choices }));
  });
  const { body } = await must(call("POST", "/v1/messages", question));
  expect(body.content.length).toBe(1990);
  for (const more of [{}, { stream: true }])
    for (count of [2500, 2501]) {
      const { text } = await call("POST", "/v1/messages", { ...question, ...more });
      expect(text).toContain("has more than 2000 parts");
    }
});

/** Returns what a translated stream says when its bytes come in pieces of some size. */
function passed(bytes: Buffer, size: number): Promise<(Uint8Array | string | null)[]> {
  const out: (Uint8Array | string | null)[] = [];
  return new Promise((resolve, reject) => {
    const response = {
      over: false,
      pause() {},
      resume() {},
      cancel() {},
      pipe(sink: BodySink) {
        for (let at = 0; at < bytes.length; at += size) sink.data(bytes.subarray(at, at + size));
        sink.end();
      },
    };
    const { pipe, response: cutting } = withLongEvents(
      response,
      translationFor("messages", "chat")!.stream("m", question),
      { isLabelled: true, memory: { need() {} }, received: { add() {} } },
    );
    cutting.pipe({
      data: (piece) => void out.push(pipe.push(piece)),
      end() {
        out.push(pipe.end());
        resolve(out);
      },
      error: reject,
    });
  });
}

/** Returns the frames of a stream, without the id that each answer has for itself. */
function said(out: readonly (Uint8Array | string | null)[]): string {
  return out
    .map((part) => (part === null ? "" : typeof part === "string" ? part : Buffer.from(part).toString()))
    .join("")
    .replace(/"id":"msg_[^"]*"/, "");
}
