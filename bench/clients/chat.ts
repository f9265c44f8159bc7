import type { Step, Turn } from "./model.ts";
import { type Body, type Dialect, listOf, Refusal, textOf } from "./wire.ts";

/** Top-level fields of chat completions. https://platform.openai.com/docs/api-reference/chat/create */
const known = new Set(
  "model messages stream stream_options tools tool_choice parallel_tool_calls max_completion_tokens reasoning_effort verbosity response_format metadata store service_tier stop n seed user safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options prediction modalities audio logit_bias logprobs top_logprobs web_search_options presence_penalty frequency_penalty".split(
    " ",
  ),
);

const errorOf = (message: string, code: string | null = null, param: string | null = null) => ({
  error: { message, type: "invalid_request_error", param, code },
});

/** A gpt-5.4 at OpenAI: no other fields, no sampling, and in chat no reasoning with tools. */
function openaiOnly(body: Body): void {
  for (const name of Object.keys(body))
    if (!known.has(name))
      throw new Refusal(
        400,
        errorOf(`Unrecognized request argument supplied: ${name}`, "unknown_parameter", name),
      );
  if (body.tools && body.reasoning_effort !== undefined && body.reasoning_effort !== "none")
    throw new Refusal(
      400,
      errorOf(
        "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
        null,
        "reasoning_effort",
      ),
    );
}

/** A llama.cpp with the chat template of Qwen: one system message, at the beginning. */
function localOnly(body: Body): void {
  if (listOf(body.messages).some(({ role }, i) => i > 0 && (role === "system" || role === "developer")))
    throw new Refusal(500, {
      error: { code: 500, message: "System message must be at the beginning.", type: "server_error" },
    });
}

function parse(body: Body): Turn {
  const thinking: string[] = [];
  let results: string[] = [];
  let images = 0;
  let text = "";
  let system = "";
  let open: string[] = [];
  for (const message of listOf(body.messages)) {
    if (message.role !== "tool" && open.length > 0)
      throw new Refusal(
        400,
        errorOf(
          `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(", ")}`,
        ),
      );
    const words = textOf(message.content);
    text += `\n${words}`;
    if (message.role === "system" || message.role === "developer") system += words;
    else if (message.role === "tool") {
      if (!open.includes(message.tool_call_id))
        throw new Refusal(
          400,
          errorOf("messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."),
        );
      open = open.filter((id) => id !== message.tool_call_id);
      results.push(words);
    } else if (message.role === "user") {
      const pictures = listOf(message.content).filter(({ type }: Body) => type === "image_url").length;
      images += pictures;
      // Pictures of results follow them in a message of the user.
      if (pictures === 0 && !/^\s*<system/.test(words)) results = [];
    } else {
      open = listOf(message.tool_calls).map(({ id }) => id);
      if (message.reasoning_content) thinking.push(message.reasoning_content);
    }
  }
  const tools = listOf(body.tools).map((tool) => tool.function?.name);
  return { model: body.model, stream: body.stream === true, text, results, images, tools, thinking, system };
}

const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };

function dialect(check: (body: Body) => void, showsThinking: boolean, tooLong: Refusal): Dialect {
  const calls = (step: Step) =>
    (step.calls ?? []).map(({ id, name, input }) => ({
      id: `call_${id}`,
      type: "function",
      function: { name, arguments: JSON.stringify(input) },
    }));
  const finish = (step: Step) => (step.calls ? "tool_calls" : "stop");
  const id = () => `chatcmpl-${crypto.randomUUID()}`;
  return {
    thinks: showsThinking,
    parse(body) {
      check(body);
      return parse(body);
    },
    whole(step, { model }) {
      const message = {
        role: "assistant",
        content: step.text ?? null,
        ...(showsThinking && step.thinking && { reasoning_content: step.thinking }),
        ...(step.calls && { tool_calls: calls(step) }),
      };
      const choices = [{ index: 0, message, finish_reason: finish(step) }];
      return { id: id(), object: "chat.completion", created: 1, model, choices, usage };
    },
    *events(step, { model }, body) {
      const base = { id: id(), object: "chat.completion.chunk", created: 1, model };
      const frame = (rest: object) => `data: ${JSON.stringify({ ...base, ...rest })}\n\n`;
      const delta = (delta: object, finish_reason: string | null = null) =>
        frame({ choices: [{ index: 0, delta, finish_reason }] });
      yield delta({ role: "assistant", content: step.text === undefined ? null : "" });
      if (showsThinking && step.thinking) yield delta({ reasoning_content: step.thinking });
      if (step.text !== undefined) {
        do yield delta({ content: step.text });
        while (step.endless);
      }
      for (const [index, call] of calls(step).entries()) {
        const { arguments: json, name } = call.function;
        yield delta({ tool_calls: [{ index, ...call, function: { name, arguments: "" } }] });
        for (const half of [json.slice(0, 5), json.slice(5)])
          yield delta({ tool_calls: [{ index, function: { arguments: half } }] });
      }
      yield delta({}, finish(step));
      if (body.stream_options?.include_usage) yield frame({ choices: [], usage });
      yield "data: [DONE]\n\n";
    },
    overflow: () => tooLong,
  };
}

const openaiOverflow = errorOf(
  "Your input exceeds the context window of this model. Please adjust your input and try again.",
  "context_length_exceeded",
  "messages",
);

const localOverflow = {
  error: {
    code: 400,
    message: "request (9321 tokens) exceeds the available context size (8192 tokens), try increasing it",
    type: "exceed_context_size_error",
    n_prompt_tokens: 9321,
    n_ctx: 8192,
  },
};

export const openaiChat = dialect(openaiOnly, false, new Refusal(400, openaiOverflow));
export const localChat = dialect(localOnly, true, new Refusal(400, localOverflow));
