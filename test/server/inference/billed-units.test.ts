import { describe, expect, it } from "vitest";
import { requestedUnits, toldUnits, usedUnits } from "../../../src/adapters/passthrough/billed-units.ts";
import { must } from "../../support/server.ts";
import { chunk, lastChunk, reply, type Script, streamHead } from "../../support/upstream.ts";
import { events, lastEvent, withProvider } from "./setup.ts";

/** Two seconds of silence as a WAV file. */
function wav(): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(44 + 63_956);
  bytes.write("RIFF\0\0\0\0WAVEfmt ", "latin1");
  // PCM of one channel, 16 kHz, 16 bits.
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(16_000, 24);
  bytes.writeUInt16LE(16, 34);
  return bytes;
}

const answering =
  (body: unknown, headers?: Record<string, string>): Script =>
  (_, connection) =>
    connection.write(reply(200, body, headers));

/** Sends a call to an llm with a price. Returns its event, and the line of the usage. */
async function booked(path: string, body: unknown, script: Script, price: object) {
  const { call, server, bearer } = await withProvider(script, { price });
  if (body instanceof FormData) {
    const headers = { authorization: `Bearer ${bearer}` };
    const response = await fetch(server.url + path, { method: "POST", headers, body });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  } else expect((await call("POST", path, body)).status).toBe(200);
  await expect.poll(async () => (await events(server)).length).toBe(1);
  const usage = async () => (await must(server.admin("GET", "/api/v1/usage?by=llm"))).body[0];
  await expect.poll(async () => (await usage())?.requests).toBe(1);
  return { event: await lastEvent(server), usage: await usage(), server };
}

const form = (fields: Record<string, string> = {}) => {
  const data = new FormData();
  for (const [name, value] of Object.entries({ model: "gpt", ...fields })) data.set(name, value);
  data.set("file", new File([wav()], "a.wav"));
  return data;
};
const plain = { input: 0, output: 0 };
const mp3 = { "content-type": "audio/mpeg" };

describe("a call that is billed by another unit than tokens (case 152)", () => {
  it.each<[string, string, unknown, Script, object, object, number]>([
    [
      "speech, by its characters",
      "/v1/audio/speech",
      { model: "gpt", input: "Hé 🦙!" },
      answering("sound", mp3),
      { ...plain, character: 1_000 },
      { characters: 5 },
      0.005,
    ],
    [
      "a transcription, by the seconds that the provider tells",
      "/v1/audio/transcriptions",
      form(),
      answering({ text: "hi", usage: { type: "duration", seconds: 3 } }),
      { ...plain, second: 0.01 },
      { seconds: 3 },
      0.03,
    ],
    [
      "a transcription, by the length of the file where the provider tells none",
      "/v1/audio/transcriptions",
      form({ response_format: "text" }),
      answering("hi", { "content-type": "text/plain" }),
      { ...plain, second: 0.01 },
      { seconds: 2, estimated: true },
      0.02,
    ],
    [
      "images, by the number in the answer",
      "/v1/images/generations",
      { model: "gpt", prompt: "x", n: 3 },
      answering({ data: [{ url: "a" }, { url: "b" }] }),
      { ...plain, image: 0.5 },
      { images: 2 },
      1,
    ],
    [
      "an image of a form, by the number that is asked for",
      "/v1/images/variations",
      form({ n: "2" }),
      answering("bytes", { "content-type": "image/png" }),
      { ...plain, image: 0.5 },
      { images: 2 },
      1,
    ],
    [
      "a rerank, by its searches",
      "/v1/rerank",
      { model: "gpt", query: "q", documents: Array.from({ length: 101 }, () => "d") },
      answering({ results: [] }),
      { ...plain, search: 0.002 },
      { searches: 2 },
      0.004,
    ],
    [
      "a rerank, as the provider bills it",
      "/v1/rerank",
      { model: "gpt", query: "q", documents: ["d"] },
      answering({ results: [], meta: { billed_units: { search_units: 3 } } }),
      { ...plain, search: 0.002 },
      { searches: 3 },
      0.006,
    ],
    [
      "an image that is billed in tokens, at the rate of images",
      "/v1/images/generations",
      { model: "gpt", prompt: "x" },
      answering({ data: [{}], usage: { input_tokens: 10, output_tokens: 1_000, total_tokens: 1_010 } }),
      { input: 1, output: 10, imageOutput: 40 },
      { images: 1, promptTokens: 10, completionTokens: 1_000 },
      0.04001,
    ],
  ])("%s", async (_name, path, body, script, price, expected, cost) => {
    const { event, usage } = await booked(path, body, script, price);
    expect(event).toMatchObject(expected);
    expect(event.cost).toBeCloseTo(cost, 6);
    const { estimated: _, ...units } = expected as { estimated?: true };
    expect(usage).toMatchObject({ ...units, unpriced: 0 });
    expect(usage.cost).toBeCloseTo(cost, 6);
  });

  it("is unpriced where the price has another unit only", async () => {
    const { event, usage } = await booked(
      "/v1/audio/speech",
      { model: "gpt", input: "Hello" },
      answering("sound", mp3),
      { ...plain, second: 1 },
    );
    expect(event.cost).toBeUndefined();
    expect(usage).toMatchObject({ cost: null, unpriced: 1, characters: 5 });
  });

  it("costs nothing where the price says so", async () => {
    const script = answering({ data: [{ url: "a" }] });
    const { event } = await booked("/v1/images/generations", { model: "gpt", prompt: "x" }, script, plain);
    expect(event).toMatchObject({ images: 1, cost: 0 });
  });

  it("counts for limits in dollars", async () => {
    const { server } = await withProvider(answering("sound", mp3), { price: { ...plain, character: 1_000 } });
    const { call } = await server.user("ann", [{ role: "run", resource: "llms" }]);
    await must(server.admin("PUT", "/api/v1/users/ann", { limits: { costPerDay: 0.015 } }));
    const speak = () => call("POST", "/v1/audio/speech", { model: "gpt", input: "ten letter" });
    expect([(await speak()).status, (await speak()).status]).toEqual([200, 429]);
  });

  it("counts nothing for a call that the provider refuses", async () => {
    const refuse: Script = (_, connection) => connection.write(reply(400, { error: { message: "no" } }));
    const { server, call } = await withProvider(refuse, { price: { ...plain, character: 1 } });
    await call("POST", "/v1/audio/speech", { model: "gpt", input: "Hello" });
    const event = await lastEvent(server);
    expect(event.status).toBe(400);
    expect(event).not.toHaveProperty("characters");
  });
});

it("the usage of an llm without a price stays unpriced after the llm is deleted", async () => {
  const { server, call } = await withProvider(answering({ results: [], usage: { total_tokens: 9 } }), {
    model: "unknown-model",
  });
  await must(call("POST", "/v1/rerank", { model: "gpt", query: "q", documents: ["d"] }));
  const usage = async () => (await must(server.admin("GET", "/api/v1/usage?by=llm"))).body;
  const line = [{ llm: "gpt", requests: 1, cost: null, unpriced: 1, searches: 1 }];
  await expect.poll(usage).toMatchObject(line);
  await must(server.admin("DELETE", "/api/v1/llms/gpt"));
  expect(await usage()).toMatchObject(line);
});

it.each([
  ["whole", false],
  ["streamed", true],
])(
  "searches of the web that Anthropic reports are counted and priced: %s (case 187)",
  async (_what, stream) => {
    const used = { input_tokens: 1000, output_tokens: 100, server_tool_use: { web_search_requests: 3 } };
    const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content: [] };
    const frames = [
      { type: "message_start", message: { ...message, usage: { input_tokens: 1000, output_tokens: 1 } } },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: used },
      { type: "message_stop" },
    ].map((data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
    const whole = { ...message, stop_reason: "end_turn", usage: used };
    const { call, server } = await withProvider(
      (_, connection) =>
        connection.write(stream ? streamHead + frames.map(chunk).join("") + lastChunk : reply(200, whole)),
      { type: "anthropic", price: { input: 1, output: 10 } },
    );
    const body = { model: "gpt", max_tokens: 9, stream, messages: [{ role: "user", content: "?" }] };
    await must(call("POST", "/v1/messages", body));
    await expect.poll(async () => (await events(server))[0]?.cost).toBeCloseTo((1000 + 1000) / 1e6 + 0.03, 6);
    const [line] = (await must(server.admin("GET", "/api/v1/usage?by=llm"))).body;
    expect(line).toMatchObject({ searches: 3, unpriced: 0 });
  },
);

it.each([
  ["whole", false],
  ["streamed", true],
])(
  "searches and containers of OpenAI's responses are counted and priced: %s (case 207)",
  async (_what, stream) => {
    const output = [
      { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search", query: "q" } },
      { id: "fs_1", type: "file_search_call", status: "completed", queries: ["q"] },
      { id: "ci_1", type: "code_interpreter_call", status: "completed", container_id: "cntr_1", code: "1" },
    ];
    const usage = { input_tokens: 1000, output_tokens: 100 };
    const response = { id: "resp_1", object: "response", status: "completed", model: "up", output, usage };
    const frames = ["created", "completed"].map((name) => {
      const data = { type: `response.${name}`, response };
      return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
    });
    const { call, server } = await withProvider(
      (_, connection) =>
        connection.write(stream ? streamHead + frames.map(chunk).join("") + lastChunk : reply(200, response)),
      { responses: "native", price: { input: 1, output: 10 } },
    );
    await must(call("POST", "/v1/responses", { model: "gpt", stream, input: "?" }));
    const ofTools = 0.01 + 0.0025 + 0.03;
    await expect.poll(async () => (await events(server))[0]?.cost).toBeCloseTo(0.002 + ofTools, 6);
    expect((await events(server))[0]).toMatchObject({ searches: 1, fileSearches: 1, containers: 1 });
    const [line] = (await must(server.admin("GET", "/api/v1/usage?by=llm"))).body;
    expect(line).toMatchObject({ searches: 1, unpriced: 0 });
  },
);

describe("units", () => {
  it("of a request are bounded, and none for other calls", () => {
    expect(requestedUnits("images", { body: { n: 1e9 } })).toEqual({ images: 128 });
    expect(requestedUnits("images", { body: { n: "many" } })).toEqual({ images: 1 });
    expect(requestedUnits("rerank", { body: { documents: [] } })).toEqual({ searches: 1 });
    expect(requestedUnits("speech", { body: { input: 5 } })).toEqual({});
    expect(requestedUnits("moderations", { body: { input: "x" } })).toEqual({});
  });

  it("of an answer are read where each API has them", () => {
    expect(toldUnits("transcriptions", { duration: 2.5 })).toEqual({ seconds: 2.5 });
    expect(toldUnits("transcriptions", { duration: "2.5" })).toEqual({ seconds: 2.5 });
    expect(toldUnits("transcriptions", { usage: { prompt_audio_seconds: 4 } })).toEqual({ seconds: 4 });
    expect(toldUnits("rerank", { data: [{}], meta: null })).toEqual({});
    expect(toldUnits("images", "text")).toEqual({});
  });

  it("that a provider tells are believed, unless the file is much longer (T126)", () => {
    expect(usedUnits({ seconds: 10 }, { seconds: 4 })).toEqual({ units: { seconds: 4 }, countedHere: false });
    expect(usedUnits({ seconds: 100 }, { seconds: 1 })).toEqual({
      units: { seconds: 100 },
      countedHere: true,
    });
    expect(usedUnits({ characters: 3 }, {})).toEqual({ units: { characters: 3 }, countedHere: true });
  });
});
