import { chmodSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { gemini, key, streamed, until, wordsOf } from "./test-gemini.ts";

/** Path of a real gemini command. It runs against a Gemini API that this test serves. */
const command = process.env["MCPCTL_TEST_GEMINI"];

interface ApiRequest {
  path: string;
  key: string | null;
  body: {
    contents: { role: string; parts: { text?: string; functionResponse?: unknown }[] }[];
    systemInstruction: { parts: { text: string }[] };
    tools: { functionDeclarations: { name: string }[] }[];
    toolConfig: object;
    generationConfig: object;
  };
}

type Reply = (request: ApiRequest, times: number) => Response;

const usageMetadata = {
  promptTokenCount: 11,
  candidatesTokenCount: 3,
  thoughtsTokenCount: 2,
  totalTokenCount: 16,
  cachedContentTokenCount: 4,
};

/** Returns a stream of the Gemini API with one event for each part. */
function parts(...all: object[]): Response {
  const events = all.map((part, index) => {
    const finish = index === all.length - 1 ? { finishReason: "STOP" } : {};
    const candidates = [{ index: 0, content: { role: "model", parts: [part] }, ...finish }];
    return `data: ${JSON.stringify({ candidates, usageMetadata, modelVersion: "gemini-x" })}\r\n\r\n`;
  });
  return new Response(events.join(""), { headers: { "content-type": "text/event-stream" } });
}

/** Returns the command with an API that answers so. */
function real(reply: Reply) {
  const requests: ApiRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const seen = { path: pathname, key: request.headers.get("x-goog-api-key"), body: await request.json() };
      requests.push(seen as ApiRequest);
      return reply(seen as ApiRequest, requests.length);
    },
  });
  onTestFinished(() => server.stop(true));
  const places = gemini();
  const wrapper = places.file("gemini");
  const base = `http://127.0.0.1:${server.port}`;
  writeFileSync(wrapper, `#!/bin/sh\nGOOGLE_GEMINI_BASE_URL=${base} exec "${command}" "$@"\n`);
  chmodSync(wrapper, 0o700);
  return {
    ...gemini({ command: wrapper, path: "/usr/local/bin:/usr/bin:/bin" }),
    requests,
    close: () => server.stop(true),
  };
}

const hello: Reply = () => parts({ text: "Hel" }, { text: "lo 🌍" });

describe.skipIf(!command)("a real gemini command", { timeout: 120_000 }, () => {
  it("sends a conversation unchanged, without usable tools", async () => {
    const { call, requests, left } = real(hello);
    const text = "Mail joe@example.com @/etc/passwd @settings.json about\n[@.] @./ /help $HOME";
    const answer = await call("gemini-2.5-pro", {
      body: {
        messages: [
          { role: "system", content: "Be $" + "{HOME} brief." },
          { role: "user", content: text },
        ],
        temperature: 0.25,
        top_p: 0.5,
        seed: 3,
        max_tokens: 5,
      },
    });
    expect(JSON.parse(await answer.text(1_000_000))).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { content: "Hello 🌍" }, finish_reason: "length" }],
      usage: {
        prompt_tokens: 11,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    });
    expect(requests).toHaveLength(1);
    const [{ body, ...request }] = requests as [ApiRequest];
    expect(request).toEqual({
      path: "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
      key,
    });
    const said = body.contents.flatMap(({ parts }) => parts.map((part) => part.text ?? ""));
    expect(said.at(-1)).toBe(text.replace("[@.]", "[\\@.]").replace("@./", "\\@./"));
    expect(said).toHaveLength(2);
    expect(body.systemInstruction.parts).toEqual([{ text: "Be $" + "{HOME} brief." }]);
    expect(body.tools.flatMap((tool) => tool.functionDeclarations.map(({ name }) => name))).toEqual([
      "list_directory",
    ]);
    expect(body.toolConfig).toEqual({ functionCallingConfig: { mode: "NONE" } });
    expect(body.generationConfig).toMatchObject({
      temperature: 0.25,
      topP: 0.5,
      seed: 3,
      maxOutputTokens: 5,
    });
    await until(() => left().length === 0);
  });

  it("streams, and reads a slash command as text", async () => {
    const { call, requests } = real(hello);
    const answer = await call("gemini-2.5-flash", { body: streamed("/quit") });
    expect(wordsOf(await answer.text(1_000_000))).toBe("Hello 🌍");
    expect(JSON.stringify(requests[0]!.body.contents)).toContain("[user]\\n/quit");
  });

  it("runs no tool that the model calls", async () => {
    const wanted = [
      { name: "list_directory", args: { dir_path: "." } },
      { name: "read_file", args: { file_path: "/etc/passwd" } },
      { name: "run_shell_command", args: { command: "id" } },
    ];
    const { call, requests } = real((_, times) =>
      times > wanted.length ? parts({ text: "done" }) : parts({ functionCall: wanted[times - 1] }),
    );
    const answer = await call("gemini-2.5-pro");
    expect(JSON.parse(await answer.text(1_000_000))).toMatchObject({
      choices: [{ message: { content: "done" } }],
    });
    const responses = requests.at(-1)!.body.contents.flatMap(({ parts }) => parts);
    const told = responses.filter((part) => part.functionResponse).map((part) => JSON.stringify(part));
    expect(told).toHaveLength(wanted.length);
    for (const one of told) expect(one).toMatch(/"response":\{"error":/);
  });

  it.each([
    [429, "RESOURCE_EXHAUSTED", "too_many_requests"],
    [400, "INVALID_ARGUMENT", "invalid_request"],
    [403, "PERMISSION_DENIED", "provider_rejected_credential"],
    [404, "NOT_FOUND", "invalid_request"],
    [503, "UNAVAILABLE", "provider_error"],
  ])("reports status %i of the API after one try: %s", async (code, status, expected) => {
    const { call, requests, left } = real(() =>
      Response.json({ error: { code, message: `It says ${key}`, status } }, { status: code }),
    );
    const failure = await errorOf(call("gemini-2.5-pro"));
    expect(failure).toMatchObject({ code: expected });
    expect(failure.message).not.toContain(key);
    expect(requests).toHaveLength(1);
    await until(() => left().length === 0);
  });

  it("reports a wrong key, a missing key and a missing network", async () => {
    const error = {
      code: 400,
      message: "API key not valid. Please pass a valid API key.",
      status: "INVALID",
    };
    const wrong = real(() => Response.json({ error }, { status: 400 }));
    expect(await errorOf(wrong.call("gemini-2.5-pro"))).toMatchObject({
      code: "provider_rejected_credential",
    });
    expect(await errorOf(wrong.call("gemini-2.5-pro", { apiKey: undefined }))).toMatchObject({
      code: "provider_rejected_credential",
    });
    await wrong.close();
    expect(await errorOf(wrong.call("gemini-2.5-pro"))).toMatchObject({ code: "provider_unreachable" });
  });

  it("ends at once when the caller disconnects before the first words", async () => {
    const { call, requests, left } = real(() => new Response(new ReadableStream()));
    const controller = new AbortController();
    const failure = errorOf(call("gemini-2.5-pro", { signal: controller.signal }));
    await until(() => requests.length === 1);
    controller.abort();
    expect(await failure).toMatchObject({ kind: "cancelled" });
    await until(() => left().length === 0);
  });

  it("prints its version", async () => {
    expect(await real(hello).version(30_000)).toMatch(/^\d+\.\d+/);
  });
});
