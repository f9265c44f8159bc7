import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "../../../../src/errors.ts";
import { ask, chat, type Fields, image, quirks, toChat, toMessages } from "./translated.ts";

/** Returns the path and the message of a refusal. */
function refusal(make: () => unknown): { path: string; message: string } {
  try {
    make();
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid_request" && error.details?.[0])
      return error.details[0];
    throw error;
  }
  throw new Error("was not refused");
}

describe("a responses request is refused for", () => {
  it.each([
    ["background", true, "background: true"],
    ["previous_response_id", "resp_1", "previous_response_id"],
    ["conversation", "conv_1", "conversation"],
    ["prompt", { id: "pmpt_1" }, "prompt"],
    ["top_logprobs", 2, "top_logprobs"],
    ["moderation", { model: "x" }, "moderation"],
    ["something_new", 1, "something_new"],
  ])("%s: %j", (name, value, words) => {
    for (const way of [toChat, toMessages]) {
      const { path, message } = refusal(() => way.request({ ...ask, [name]: value }, "theirs", {}));
      expect(path).toBe(`/${name}`);
      expect(message).toContain(words);
    }
  });

  it.each([
    ...["file_search", "computer_use_preview", "code_interpreter"],
    ...["mcp", "local_shell", "shell", "apply_patch"],
  ])("the tool %s", (type) => {
    const { path, message } = refusal(() => chat({ tools: [{ type }] }));
    expect(path).toBe("/tools/0/type");
    expect(message).toContain(`the tool ${type} runs at OpenAI only`);
  });

  const call = { type: "function_call", call_id: "1", name: "f", arguments: "{}" };
  it.each<[string, Fields, string]>([
    ["no input", { input: [] }, "/input"],
    ["an item_reference", { input: [{ type: "item_reference", id: "msg_1" }] }, "/input/0"],
    ["another item", { input: [{ type: "compaction_trigger" }] }, "/input/0/type"],
    ["nothing that the provider reads", { input: [{ type: "web_search_call", id: "ws_1" }] }, "/input"],
    ["another role", { input: [{ role: "critic", content: "x" }] }, "/input/0/role"],
    ["a field of an item", { input: [{ role: "user", content: "x", foo: 1 }] }, "/input/0/foo"],
    [
      "a field of a part",
      { input: [{ role: "user", content: [{ type: "input_text", text: "x", foo: 1 }] }] },
      "/input/0/content/0/foo",
    ],
    [
      "another part",
      { input: [{ role: "user", content: [{ type: "input_video" }] }] },
      "/input/0/content/0/type",
    ],
    [
      "a file's id",
      { input: [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }] },
      "/input/0/content/0/file_id",
    ],
    [
      "a file's address",
      { input: [{ role: "user", content: [{ type: "input_file", file_url: "https://x" }] }] },
      "/input/0/content/0/file_url",
    ],
    [
      "a result without its call",
      { input: [{ type: "function_call_output", call_id: "9", output: "x" }] },
      "/input/0/call_id",
    ],
    ["two calls of one id", { input: [call, call] }, "/input/1/call_id"],
    [
      "an image in a system message",
      { input: [{ role: "system", content: [{ type: "input_image", image_url: image }] }] },
      "/input/0/content/0/type",
    ],
    ["another include", { include: ["message.output_text.logprobs"] }, "/include/0"],
    ["another option", { stream_options: { include_usage: true } }, "/stream_options/include_usage"],
    ["a field of text", { text: { foo: 1 } }, "/text/foo"],
    ["another format", { text: { format: { type: "grammar" } } }, "/text/format/type"],
    ["a field of reasoning", { reasoning: { mode: "pro" } }, "/reasoning/mode"],
    [
      "a field of a tool",
      { tools: [{ type: "function", name: "f", output_schema: {} }] },
      "/tools/0/output_schema",
    ],
    [
      "a tool twice",
      {
        tools: [
          { type: "function", name: "f" },
          { type: "custom", name: "f" },
        ],
      },
      "/tools/1/name",
    ],
    ["a choice without tools", { tool_choice: "required" }, "/tool_choice"],
    [
      "another choice",
      { tools: [{ type: "function", name: "f" }], tool_choice: { type: "mcp" } },
      "/tool_choice/type",
    ],
    [
      "an allowed tool that is not there",
      {
        tools: [{ type: "function", name: "f" }],
        tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "g" }] },
      },
      "/tool_choice/tools",
    ],
  ])("%s", (_name, body, path) => {
    expect(refusal(() => chat(body)).path).toBe(path);
  });

  it.each<[string, Fields, string, string]>([
    [
      "an unknown effort",
      { reasoning: { effort: "huge" } },
      "/reasoning/effort",
      "reasoning.effort huge is not",
    ],
    [
      "sound",
      {
        input: [
          { role: "user", content: "a" },
          { role: "user", content: [{ type: "input_audio", input_audio: {} }] },
        ],
      },
      "/input/1",
      "input_audio",
    ],
  ])("a field that only Anthropic does not have, by the caller's name: %s", (_name, body, path, words) => {
    const fault = refusal(() =>
      toMessages.request({ ...ask, ...body }, "claude-sonnet-5", quirks("anthropic", "claude-sonnet-5")),
    );
    expect(fault.path).toBe(path);
    expect(fault.message).toContain(words);
  });

  it("any unknown field, at any place", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^x_[a-z]{1,12}$/),
        fc.constantFrom("", "input", "text", "reasoning", "tools"),
        (name, where) => {
          const odd = { [name]: 1 };
          const body: Fields =
            where === ""
              ? odd
              : where === "input"
                ? { input: [{ role: "user", content: "x", ...odd }] }
                : where === "tools"
                  ? { tools: [{ type: "function", name: "f", ...odd }] }
                  : { [where]: odd };
          const { path, message } = refusal(() => chat(body));
          expect(path.split("/").at(-1)).toBe(name);
          expect(message).toContain(name);
        },
      ),
    );
  });
});
