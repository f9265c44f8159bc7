import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { passthroughPipe } from "../../../src/adapters/passthrough/index.ts";
import { through } from "../translation/streams.ts";
import { framesOf, gemini, key, streamed, until, wordsOf } from "./test-gemini.ts";

const usage = {
  prompt_tokens: 11,
  completion_tokens: 5,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 2 },
};

describe("a response of the gemini command", () => {
  it("is a chat completion with a usage that counts thoughts as completion tokens", async () => {
    const { call } = gemini();
    const answer = await call("words:Hel_lo");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(JSON.parse(await answer.text(1_000_000))).toEqual({
      id: "chatcmpl-id2",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "words:Hel_lo",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage,
    });
    expect(answer.over).toBe(true);
  });

  it("is streamed as chunks that end with the usage and [DONE]", async () => {
    const { call } = gemini();
    const answer = await call("words:Hel_lo", { body: streamed() });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const text = await answer.text(1_000_000);
    expect(text.endsWith("\n\ndata: [DONE]\n\n")).toBe(true);
    const frames = framesOf(text);
    const same = {
      id: "chatcmpl-id2",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "words:Hel_lo",
    };
    const choice = (delta: object, finish_reason: string | null) => ({
      ...same,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    expect(frames).toEqual([
      choice({ role: "assistant", content: "Hel" }, null),
      choice({ content: "lo" }, null),
      choice({}, "stop"),
      { ...same, choices: [], usage },
    ]);
  });

  it("passes through the pipe of a chat provider", async () => {
    const { call } = gemini();
    const answer = await call("words:Hel_lo", { body: streamed() });
    const out = through(passthroughPipe("chat", { stripUsage: true }), [await answer.bytes(1_000_000)]);
    expect(out).toMatchObject({
      done: true,
      fault: undefined,
      usage: { promptTokens: 11, completionTokens: 5, cachedTokens: 4 },
    });
    expect(wordsOf(out.text)).toBe("Hello");
    expect(out.text).not.toContain("prompt_tokens");
  });

  it.each([1, 7, 64])("is the same when its lines arrive in pieces of %i bytes", async (size) => {
    const { call } = gemini();
    const answer = await call(`cut:${size}`, { body: streamed() });
    expect(wordsOf(await answer.text(1_000_000))).toBe("Hällö, wörld 🌍");
  });

  it("begins before the run has ended", async () => {
    const { call, file } = gemini();
    const answer = await call("pause:go", { body: streamed() });
    expect(answer.over).toBe(false);
    const text = answer.text(1_000_000);
    await Bun.write(file("go"), "");
    expect(wordsOf(await text)).toBe("Hello");
  });

  it("has the finish reason length when it uses all tokens that the caller allowed", async () => {
    const { call } = gemini();
    const reason = async (max_tokens: number) => {
      const answer = await call("words:Hel_lo", { body: { ...streamed(), max_tokens } });
      return framesOf(await answer.text(1_000_000)).at(-2);
    };
    expect(await reason(5)).toMatchObject({ choices: [{ finish_reason: "length" }] });
    expect(await reason(6)).toMatchObject({ choices: [{ finish_reason: "stop" }] });
  });

  it("is read when notices come before it, and when it is empty", async () => {
    const { call } = gemini();
    const notices = await call("notices", { body: streamed() });
    expect(wordsOf(await notices.text(1_000_000))).toBe("fine");
    const wordless = await call("wordless", { body: streamed() });
    expect(framesOf(await wordless.text(1_000_000))[0]).toMatchObject({
      choices: [{ delta: { role: "assistant", content: "" } }],
    });
  });

  it("comes also from a run that does not read its prompt", async () => {
    const { call } = gemini();
    const body = { messages: [{ role: "user", content: "x".repeat(4_000_000) }] };
    const answer = await call("deaf", { body });
    expect(await answer.text(1_000_000)).toContain("no need to read");
  });

  it("is held back in the command while the caller does not read", async () => {
    const { call, file } = gemini();
    const size = 16 * 1024 * 1024;
    const answer = await call(`flood:${size}`, { body: streamed() });
    const parts: number[] = [];
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    answer.pipe({
      data(bytes) {
        parts.push(bytes.length);
        if (parts.length === 3) answer.pause();
      },
      end: resolve,
      error: () => resolve(),
    });
    // Only then has the caller stopped reading.
    await until(() => parts.length >= 3);
    const sent = () => Bun.file(file("sent")).size;
    // The command has stopped writing when nothing more comes for a while.
    let before = -1;
    while (before !== sent()) {
      before = sent();
      await Bun.sleep(200);
    }
    expect(sent() * 64 * 1024).toBeLessThan(size / 2);
    answer.resume();
    await ended;
    expect(parts.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(size);
  });
});

describe("a run of the gemini command", () => {
  interface Seen {
    args: string[];
    cmdline: string;
    environ: string[];
    prompt: string;
    cwd: string;
    directory: string;
    mode: string;
    files: [name: string, mode: string, text: string | null][];
    own: boolean;
  }

  async function seen(body: object, apiKey: string | null = key) {
    const cli = gemini();
    const answer = await cli.call("seen", { body: { ...body }, apiKey: apiKey ?? undefined });
    const completion = JSON.parse(await answer.text(10_000_000));
    const run = JSON.parse(completion.choices[0].message.content) as Seen;
    return { ...run, text: Object.fromEntries(run.files.map(([name, , text]) => [name, text])), cli };
  }

  it("has neither the prompt nor the key in its arguments (T10, T29), and a process group of its own", async () => {
    const run = await seen({ messages: [{ role: "user", content: "My secret; $(reboot) `id`" }] });
    expect(run.args).toEqual(["--output-format=stream-json", "--model=seen"]);
    expect(run.cmdline).not.toMatch(/secret|never-to-be-seen|reboot/);
    expect(run.prompt).toBe("My secret; $(reboot) `id`");
    expect(run.own).toBe(true);
  });

  it("has exactly these environment variables (T30)", async () => {
    process.env["A_SECRET_OF_THE_SERVER"] = "x";
    const run = await seen({ messages: [{ role: "user", content: "Hi" }] });
    expect(Object.fromEntries(run.environ.map((one) => one.split(/=(.*)/s).slice(0, 2)))).toEqual({
      PATH: expect.stringContaining("/usr/bin"),
      HOME: `${run.directory}/home`,
      TMPDIR: `${run.directory}/tmp`,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      TERM: "dumb",
      GEMINI_SYSTEM_MD: `${run.directory}/system.md`,
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_API_KEY: key,
    });
    delete process.env["A_SECRET_OF_THE_SERVER"];
  });

  it("has no key when the llm has none", async () => {
    const run = await seen({ messages: [{ role: "user", content: "Hi" }] }, null);
    expect(run.environ.filter((one) => one.startsWith("GEMINI_API_KEY"))).toEqual([]);
    expect(run.text["home/.gemini/settings.json"]).not.toContain("gemini-api-key");
  });

  it("has a private directory with an empty working directory, and the key in none of its files", async () => {
    const run = await seen({ messages: [{ role: "user", content: "Hi" }] });
    expect(run.cwd).toBe(`${run.directory}/work`);
    expect(run.files.map(([name]) => name).filter((name) => name.startsWith("work/"))).toEqual([]);
    expect(run.mode).toBe("700");
    for (const [name, mode, text] of run.files) {
      expect([name, mode]).toEqual([name, text === null ? "700" : "600"]);
      expect(text ?? "").not.toContain(key);
    }
    // An empty file ends the search in the directories above.
    expect(run.text[".env"]).toBe("");
  });

  it("removes its directory when it ends", async () => {
    const { cli } = await seen({ messages: [{ role: "user", content: "Hi" }] });
    await until(() => cli.left().length === 0);
  });

  it("is set to use no tools, to send no statistics, and to try once", async () => {
    const { text } = await seen({ messages: [{ role: "user", content: "Hi" }] });
    expect(JSON.parse(text["home/.gemini/settings.json"]!)).toMatchObject({
      general: { enableAutoUpdate: false, maxAttempts: 1 },
      privacy: { usageStatisticsEnabled: false },
      telemetry: { enabled: false },
      experimental: { enableAgents: false },
      hooksConfig: { enabled: false },
    });
    expect(text["home/.gemini/policies/no-tools.toml"]).toContain('toolName = "*"');
  });

  it("gets system messages as its system prompt, and the caller's parameters as its settings", async () => {
    const { text, prompt } = await seen({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      temperature: 0.2,
      top_p: 0.9,
      seed: 7,
      max_tokens: 100,
      max_completion_tokens: 50,
    });
    expect(text["system.md"]).toBe("Be brief.");
    expect(prompt).toBe("Hi");
    const { modelConfigs } = JSON.parse(text["home/.gemini/settings.json"]!);
    expect(modelConfigs.customOverrides.map(({ match }: { match: object }) => match)).toEqual([
      { model: "seen" },
      { overrideScope: "core" },
    ]);
    for (const { modelConfig } of modelConfigs.customOverrides)
      expect(modelConfig.generateContentConfig).toEqual({
        temperature: 0.2,
        topP: 0.9,
        seed: 7,
        maxOutputTokens: 50,
        toolConfig: { functionCallingConfig: { mode: "NONE" } },
      });
  });

  it("starts in a folder that is emptied of what an earlier server left", async () => {
    const cli = gemini();
    await Bun.write(`${cli.directory}/old/home/.gemini/chats/1.json`, "a conversation");
    const answer = await cli.call("words:ok");
    await answer.text(1_000_000);
    await until(() => cli.left().length === 0);
    expect((statSync(cli.directory).mode & 0o777).toString(8)).toBe("700");
  });
});
