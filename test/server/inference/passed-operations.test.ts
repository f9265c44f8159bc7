import OpenAI, { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { chunk, lastChunk, reply, type Script, streamHead, upstream } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { addLlm, canary, events, lastEvent, onlyEvent, withProvider } from "./setup.ts";

/** A second of silence as a WAV file. */
const wav = new Uint8Array(44 + 32_000);
wav.set(new TextEncoder().encode("RIFF\0\0\0\0WAVEfmt "));
wav.set([0, 13, 10, 255, 45, 45], 44);

async function withSdk(script: Script, llm: object = {}) {
  const all = await withProvider(script, llm);
  const baseURL = `${all.server.url}/v1`;
  return { ...all, sdk: new OpenAI({ baseURL, apiKey: all.bearer, maxRetries: 0 }) };
}

/** A provider that sends one answer, whatever is asked. */
const answering =
  (body: unknown, headers?: Record<string, string>): Script =>
  (_, connection) =>
    connection.write(reply(200, body, headers));

const audioHead = (length: number) =>
  `HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: ${length}\r\n\r\n`;

describe("case 121: a form with an audio file", () => {
  it("reaches the provider byte for byte, but for the model", async () => {
    const usage = { type: "tokens", input_tokens: 14, output_tokens: 4, total_tokens: 18 };
    const { sdk, provider, server } = await withSdk(answering({ text: "hello", usage }));
    const file = await toFile(wav, "silence.wav", { type: "audio/wav" });
    const answer = await sdk.audio.transcriptions.create({ model: "gpt", file, language: "en" });
    expect(answer.text).toBe("hello");
    const [seen] = provider.seen;
    expect([seen!.path, seen!.headers["authorization"]]).toEqual([
      "/v1/audio/transcriptions",
      `Bearer ${canary}`,
    ]);
    const form = await new Response(new Uint8Array(seen!.bytes), {
      headers: { "content-type": seen!.headers["content-type"]! },
    }).formData();
    expect([form.get("model"), form.get("language")]).toEqual(["up", "en"]);
    expect(new Uint8Array(await (form.get("file") as File).arrayBuffer())).toEqual(wav);
    expect(await onlyEvent(server)).toMatchObject({
      dialect: "transcriptions",
      status: 200,
      promptTokens: 14,
      completionTokens: 4,
      llm: "gpt",
    });
  });

  it("is counted by its size where the provider does not report its usage", async () => {
    const { sdk, server } = await withSdk(
      answering("hello\n", { "content-type": "text/plain; charset=utf-8" }),
    );
    const file = await toFile(wav, "silence.wav");
    const text = await sdk.audio.translations.create({ model: "gpt", file, response_format: "text" });
    expect(text).toBe("hello\n");
    const event = await onlyEvent(server);
    expect(event).toMatchObject({ dialect: "translations", detail: { estimated: true } });
    expect(event.promptTokens).toBeGreaterThan(32);
    expect(event.promptTokens).toBeLessThan(35);
  });

  it("is answered by a stream, whose usage counts", async () => {
    const script: Script = (_, connection) => {
      connection.write(streamHead);
      connection.write(chunk('data: {"type":"transcript.text.delta","delta":"hel"}\n\n'));
      const usage = { input_tokens: 3, output_tokens: 2 };
      const done = { type: "transcript.text.done", text: "hello", usage };
      connection.write(chunk(`data: ${JSON.stringify(done)}\n\n`) + lastChunk);
    };
    const { sdk, server } = await withSdk(script);
    const file = await toFile(wav, "silence.wav");
    const stream = await sdk.audio.transcriptions.create({ model: "gpt", file, stream: true });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    expect(types).toEqual(["transcript.text.delta", "transcript.text.done"]);
    expect(await onlyEvent(server)).toMatchObject({ streaming: true, promptTokens: 3, completionTokens: 2 });
  });

  it("ends in an error if its stream has one", async () => {
    const script: Script = (_, connection) => {
      connection.write(streamHead + chunk('data: {"type":"transcript.text.delta","delta":"hel"}\n\n'));
      connection.write(chunk('data: {"error":{"message":"broken","code":500}}\n\n') + lastChunk);
    };
    const { sdk, server } = await withSdk(script);
    const file = await toFile(wav, "silence.wav");
    const stream = await sdk.audio.transcriptions.create({ model: "gpt", file, stream: true });
    await expect(Array.fromAsync(stream)).rejects.toThrow("broken");
    expect(await onlyEvent(server)).toMatchObject({ status: 500, error: "provider_error" });
  });

  it("goes to the next member of the pool, whole, if the first one does not have the path", async () => {
    const { sdk, server, provider } = await withSdk(answering({ text: "hello" }), { poolName: "ears" });
    const missing = upstream((_, connection) => connection.write(reply(404, { detail: "Not Found" })));
    await addLlm(server, { name: "deaf", url: missing.url, poolName: "ears" });
    await addLlm(server, { name: "claude", type: "anthropic", poolName: "ears" });
    const file = await toFile(wav, "silence.wav");
    for (let times = 0; times < 4; times++)
      expect((await sdk.audio.transcriptions.create({ model: "ears", file })).text).toBe("hello");
    expect(provider.seen).toHaveLength(4);
    for (const { bytes } of provider.seen)
      expect(bytes.includes(Buffer.from(wav.subarray(0, 60)))).toBe(true);
  });
});

describe("case 122: speech", () => {
  it("is passed on as it comes, with its content type, and held back for a slow caller", async () => {
    const first = Promise.withResolvers<void>();
    const bytes = Buffer.alloc(48 * 1024 * 1024, 7);
    let isTaken = false;
    const script: Script = async (_, connection) => {
      connection.write(audioHead(bytes.length));
      connection.write(bytes.subarray(0, 1000));
      await first.promise;
      connection.write(bytes.subarray(1000));
      await connection.taken();
      isTaken = true;
    };
    const { server, bearer } = await withSdk(script);
    let length = 0;
    const begun = Promise.withResolvers<void>();
    const body = { model: "gpt", input: "Hello.", voice: "alloy" };
    const caller = await postRaw(server.url, bearer, "/v1/audio/speech", body, (piece) => {
      length += piece.length;
      begun.resolve();
    });
    await begun.promise;
    expect(length).toBe(1000);
    caller.pause();
    first.resolve();
    // The provider cannot be rid of its bytes while nobody reads them.
    await Bun.sleep(200);
    expect([isTaken, await events(server)]).toEqual([false, []]);
    caller.resume();
    expect(await caller.ended).toBe(true);
    expect(length).toBe(bytes.length);
    expect(await onlyEvent(server)).toMatchObject({ dialect: "speech", status: 200, promptTokens: 12 });
  });

  it("is a success for OpenAI's SDK, with every byte", async () => {
    const { sdk, provider } = await withSdk((_, connection) => {
      connection.write(audioHead(wav.length));
      connection.write(wav);
    });
    const response = await sdk.audio.speech.create({ model: "gpt", voice: "alloy", input: "Hello." });
    expect(response.headers.get("content-type")).toBe("audio/mpeg");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(wav);
    expect(provider.seen[0]!.body).toEqual({ model: "up", voice: "alloy", input: "Hello." });
  });

  it("is cut off, not ended, if the provider breaks off", async () => {
    const { server, bearer } = await withSdk((_, connection) => {
      connection.write(audioHead(1000));
      connection.end("some bytes");
    });
    const caller = await postRaw(server.url, bearer, "/v1/audio/speech", { model: "gpt", input: "Hi" });
    expect(await caller.ended).toBe(false);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_error" });
  });

  it("never is a page of this server", async () => {
    const page = "<script>alert(1)</script>";
    const { server, bearer } = await withSdk(answering(page, { "content-type": "text/html" }));
    const response = await fetch(`${server.url}/v1/audio/speech`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt", input: "Hi" }),
    });
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });
});

describe("case 123: calls in JSON that only pass through", () => {
  it("make images, with the usage that the provider reports", async () => {
    const usage = { input_tokens: 9, output_tokens: 272, total_tokens: 281 };
    const { sdk, server, provider } = await withSdk(
      answering({ created: 1, data: [{ b64_json: "aGk=" }], usage }),
    );
    const { data } = await sdk.images.generate({ model: "gpt", prompt: "a cat", n: 1 });
    expect(data![0]!.b64_json).toBe("aGk=");
    expect(provider.seen[0]!.body).toEqual({ model: "up", prompt: "a cat", n: 1 });
    expect(await onlyEvent(server)).toMatchObject({
      dialect: "images",
      promptTokens: 9,
      completionTokens: 272,
    });
  });

  it("classify and sort, also at Cohere's path", async () => {
    const { sdk, call, provider } = await withSdk(answering({ id: "x", results: [{ index: 0 }] }));
    expect((await sdk.moderations.create({ model: "gpt", input: "hi" })).results).toHaveLength(1);
    const body = { model: "gpt", query: "q", documents: ["a", "b"] };
    for (const path of ["/v1/rerank", "/v2/rerank"])
      expect((await call("POST", path, body)).body.results).toEqual([{ index: 0 }]);
    expect(provider.seen.map(({ path }) => path)).toEqual(["/v1/moderations", "/v1/rerank", "/v1/rerank"]);
  });

  it("complete texts, streamed", async () => {
    const frame = { object: "text_completion", choices: [{ index: 0, text: "lo", finish_reason: "stop" }] };
    const { sdk } = await withSdk((_, connection) => {
      connection.write(streamHead + chunk(`data: ${JSON.stringify(frame)}\n\n`));
      connection.write(chunk("data: [DONE]\n\n") + lastChunk);
    });
    const stream = await sdk.completions.create({ model: "gpt", prompt: "hel", stream: true });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.map(({ choices }) => choices[0]!.text)).toEqual(["lo"]);
  });

  it("fail with the provider's error, and with one in a success", async () => {
    const { call } = await withSdk(answering({ error: { message: "no such size", code: 400 } }));
    const { status, body } = await call("POST", "/v1/images/generations", { model: "gpt", prompt: "x" });
    expect([status, body.error.message]).toEqual([400, "no such size"]);
  });
});

describe("an operation that a provider does not have", () => {
  it("is refused with those that it has, and never sent", async () => {
    const { call, provider } = await withProvider(answering({}), { type: "anthropic" });
    const { status, body } = await call("POST", "/v1/moderations", { model: "gpt", input: "x" });
    expect([status, body.error.message]).toEqual([
      400,
      "this llm's provider has no moderations (it has /v1/messages, /v1/messages/count_tokens)",
    ]);
    expect(provider.seen).toEqual([]);
  });

  it("needs the same right as every call", async () => {
    const { server, provider } = await withProvider(answering({}));
    await addLlm(server, { name: "else" });
    const other = await server.token("other", [{ role: "run", resource: "llms", name: "else" }]);
    for (const path of ["/v1/audio/speech", "/v1/images/generations", "/v1/rerank", "/v2/rerank"]) {
      expect((await other.call("POST", path, { model: "gpt" })).status, path).toBe(403);
      expect((await server.as()("POST", path, { model: "gpt" })).status, path).toBe(401);
    }
    expect(provider.seen).toEqual([]);
  });

  it("does not teach that the base URL has no /v1", async () => {
    const { call, provider } = await withProvider((asked, connection) =>
      connection.write(
        asked.path.endsWith("rerank") ? reply(404, {}) : reply(200, { data: [{ embedding: [1] }] }),
      ),
    );
    expect((await call("POST", "/v1/rerank", { model: "gpt", query: "q", documents: [] })).status).toBe(404);
    expect((await call("POST", "/v1/embeddings", { model: "gpt", input: "x" })).status).toBe(200);
    expect(provider.seen.map(({ path }) => path)).toEqual(["/v1/rerank", "/v1/embeddings"]);
  });
});

it("the log tells operations apart", async () => {
  const { call, server } = await withProvider(answering({ results: [] }));
  await call("POST", "/v1/moderations", { model: "gpt", input: "x" });
  expect(await lastEvent(server)).toMatchObject({ dialect: "moderations", status: 200 });
  const { text } = await server.admin("GET", "/metrics");
  expect(text).toContain('gen_ai_operation_name="moderation"');
});

describe("a plain completion that is not whole (case 60)", () => {
  const path = "/v1/completions";

  it("is an error in its stream", async () => {
    const { call, server } = await withProvider((_, connection) => {
      const piece = JSON.stringify({ choices: [{ text: "a", index: 0, finish_reason: null }] });
      connection.write(streamHead + chunk(`data: ${piece}\n\n`) + lastChunk);
    });
    const { text } = await call("POST", path, { model: "gpt", prompt: "x", stream: true });
    expect(text).toContain("before its response was complete");
    expect(await onlyEvent(server)).toMatchObject({ status: 502 });
  });

  it("is an error without choices", async () => {
    const { call } = await withProvider(answering({ id: "c", choices: [] }));
    expect((await call("POST", path, { model: "gpt", prompt: "x" })).status).toBe(502);
  });
});
