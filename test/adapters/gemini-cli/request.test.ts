import { describe, expect, it } from "vitest";
import { geminiRequest } from "../../../src/adapters/gemini-cli/request.ts";
import { AppError } from "../../../src/errors.ts";

const user = (content: unknown) => ({ role: "user", content });
const hi = { messages: [user("Hi")] };

/** Returns the paths at which a request is refused. */
function refusedAt(body: Record<string, unknown>): string | undefined {
  try {
    geminiRequest(body);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("invalid_request");
    return (error as AppError).details![0]!.path;
  }
  return undefined;
}

describe("a chat request for the gemini command", () => {
  it("becomes a prompt that is its one message", () => {
    expect(geminiRequest(hi).prompt).toBe("Hi");
    const parts = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    expect(geminiRequest({ messages: [user(parts)] }).prompt).toBe("a\nb");
  });

  it("becomes a prompt that names the speakers, when it has several messages", () => {
    const { prompt, system } = geminiRequest({
      messages: [
        { role: "system", content: "One." },
        { role: "developer", content: [{ type: "text", text: "Two." }] },
        { ...user("Hi"), name: "joe" },
        { role: "assistant", content: "Hello", reasoning_content: "hm", tool_calls: [] },
        { role: "system", content: "Now in French." },
        user("Again"),
      ],
    });
    expect(system).toBe("One.\n\nTwo.");
    expect(prompt).toMatch(/^This is a conversation\./);
    expect(prompt.slice(prompt.indexOf("\n\n[user]"))).toBe(
      "\n\n[user]\njoe: Hi\n\n[assistant]\nHello\n\n[system]\nNow in French.\n\n[user]\nAgain",
    );
  });

  it.each(["/quit", "  /chat save x", "", " \n"])(
    "never becomes a prompt that is a command of the program: %j",
    (text) => {
      const { prompt } = geminiRequest({ messages: [user(text)] });
      expect(prompt).toMatch(/^This is/);
      expect(prompt.endsWith(`[user]\n${text}`)).toBe(true);
    },
  );

  it("has an @ escaped that would be the working directory, and no other", () => {
    const prompt = (text: string) => geminiRequest({ messages: [user(text)] }).prompt;
    for (const text of ["@./", "[@.]", "@./.", "see @./, yes", "@..", "@a/../", "x@.\\/"])
      expect(prompt(text)).toBe(text.replace("@", "\\@"));
    for (const text of ["joe@example.com", "@/components/x", "@../x", "@types/node", "\\@./", "a @ b"])
      expect(prompt(text)).toBe(text);
  });

  it("gets a plain system prompt when it has none, or one that the program would rewrite", () => {
    const plain = geminiRequest(hi).system;
    expect(plain).not.toBe("");
    const text = "Use $" + "{AvailableTools} and $" + "{HOME}.";
    const rewritten = geminiRequest({ messages: [{ role: "system", content: text }, user("Hi")] });
    expect(rewritten.system).toBe(plain);
    expect(rewritten.prompt).toContain(`[system]\n${text}\n\n[user]\nHi`);
    const kept = `$\{HOME}`;
    expect(geminiRequest({ messages: [{ role: "system", content: kept }, user("Hi")] }).system).toBe(kept);
  });

  it("asks for JSON by an instruction in the prompt", () => {
    const json = { ...hi, response_format: { type: "json_object" } };
    expect(geminiRequest(json).system).toContain("one JSON object");
    expect(geminiRequest({ ...hi, response_format: { type: "text" } })).toEqual(geminiRequest(hi));
  });

  it("becomes settings that are numbers only, because the program puts variables into text", () => {
    const body = { ...hi, temperature: 0, top_p: 1, seed: 1, max_tokens: 2, user: "$GEMINI_API_KEY" };
    expect(geminiRequest(body).generation).toEqual({ temperature: 0, topP: 1, seed: 1, maxOutputTokens: 2 });
    expect(geminiRequest({ ...hi, temperature: null }).generation).toEqual({});
    for (const name of ["temperature", "top_p", "seed", "max_tokens", "max_completion_tokens"])
      expect(refusedAt({ ...hi, [name]: "$GEMINI_API_KEY" })).toBe(`/${name}`);
  });

  it.each([
    ["/tools", { tools: [{ type: "function", function: { name: "f" } }] }],
    ["/tool_choice", { tool_choice: "auto" }],
    ["/functions", { functions: [{ name: "f" }] }],
    ["/n", { n: 2 }],
    ["/stop", { stop: ["$GEMINI_API_KEY"] }],
    ["/logprobs", { logprobs: true }],
    ["/logit_bias", { logit_bias: { 1: 1 } }],
    ["/presence_penalty", { presence_penalty: 1 }],
    ["/reasoning_effort", { reasoning_effort: "high" }],
    ["/modalities", { modalities: ["text", "audio"] }],
    ["/response_format/type", { response_format: { type: "json_schema", json_schema: {} } }],
    ["/never_heard_of", { never_heard_of: 1 }],
    ["/messages", { messages: [] }],
    ["/messages", { messages: [{ role: "system", content: "Only" }] }],
    ["/messages/0", { messages: ["Hi"] }],
    ["/messages/0/role", { messages: [{ role: "tool", tool_call_id: "x", content: "1" }] }],
    ["/messages/0/tool_calls", { messages: [{ role: "assistant", tool_calls: [{ id: "x" }] }] }],
    ["/messages/0/content/0/type", { messages: [user([{ type: "image_url", image_url: { url: "x" } }])] }],
    ["/messages/0/content/0/type", { messages: [user([{ type: "input_audio" }])] }],
    ["/messages/0/content/0/type", { messages: [user([{ type: "file" }])] }],
    ["/messages/0/content/0/text", { messages: [user([{ type: "text", text: 1 }])] }],
  ])("is refused at %s, which the command cannot express: %j", (path, more) => {
    expect(refusedAt({ ...hi, ...more })).toBe(path);
  });

  it("may have fields with values that change nothing", () => {
    const neutral = { n: 1, stop: [], tools: [], tool_choice: "none", logprobs: false, presence_penalty: 0 };
    const dropped = { user: "u", store: true, metadata: {}, service_tier: "auto", prompt_cache_key: "k" };
    expect(geminiRequest({ ...hi, ...neutral, ...dropped })).toEqual(geminiRequest(hi));
  });

  it("is refused when it is longer than the program reads", () => {
    const limit = 8 * 1024 * 1024;
    expect(geminiRequest({ messages: [user("ä".repeat(limit / 2))] }).prompt).toHaveLength(limit / 2);
    expect(() => geminiRequest({ messages: [user("ä".repeat(limit / 2 + 1))] })).toThrow(
      expect.objectContaining({ code: "payload_too_large" }),
    );
  });

  it("is read in linear time, whatever it contains (T70)", () => {
    const started = performance.now();
    for (const text of ["@".repeat(200_000), `@${"\\".repeat(200_000)}`, `@${"../".repeat(100_000)}`])
      geminiRequest({ messages: [user(text)] });
    expect(performance.now() - started).toBeLessThan(60_000);
  });
});
