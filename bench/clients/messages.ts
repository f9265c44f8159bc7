import type { Step, Turn } from "./model.ts";
import { type Body, type Dialect, listOf, Refusal, textOf } from "./wire.ts";

/** Top-level fields of Anthropic's messages; it refuses others. https://platform.claude.com/docs/en/api/messages */
const known = new Set(
  "model max_tokens messages system stream tools tool_choice metadata stop_sequences temperature top_k top_p thinking output_config service_tier cache_control container context_management mcp_servers inference_geo speed betas diagnostics output_format".split(
    " ",
  ),
);

const signatureOf = (thinking: string) => Buffer.from(`signed:${thinking}`).toString("base64");

function parse(body: Body): Turn {
  if (body.thread) {
    // SDKs then send the whole conversation themselves.
    const details = { error_code: "thread_unsupported_request", unsupported: ["thread"] };
    const { error, ...rest } = errorOf("invalid_request_error", "thread: not supported for this model");
    throw new Refusal(400, { ...rest, error: { ...error, details } });
  }
  for (const name of Object.keys(body))
    if (!known.has(name))
      throw new Refusal(400, errorOf("invalid_request_error", `${name}: Extra inputs are not permitted`));
  if (typeof body.max_tokens !== "number")
    throw new Refusal(400, errorOf("invalid_request_error", "max_tokens: Field required"));
  const thinking: string[] = [];
  let results: string[] = [];
  let images = 0;
  let text = textOf(body.system);
  let open: string[] = [];
  for (const [at, message] of listOf(body.messages).entries()) {
    const parts =
      typeof message.content === "string"
        ? [{ type: "text", text: message.content }]
        : listOf(message.content);
    const found = parts.filter(({ type }) => type === "tool_result").map((part) => part.tool_use_id);
    const missing = open.filter((id) => !found.includes(id));
    if (missing.length > 0)
      throw new Refusal(
        400,
        errorOf(
          "invalid_request_error",
          `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}`,
        ),
      );
    const unknown = found.filter((id) => !open.includes(id));
    if (unknown.length > 0)
      throw new Refusal(
        400,
        errorOf(
          "invalid_request_error",
          `messages.${at}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${unknown.join(", ")}`,
        ),
      );
    open = [];
    for (const part of parts) {
      if (part.type === "text") {
        if (part.text === "")
          throw new Refusal(
            400,
            errorOf("invalid_request_error", "messages: text content blocks must be non-empty"),
          );
        text += `\n${part.text}`;
        if (message.role === "user" && !/^\s*<system/.test(part.text))
          results = found.length > 0 ? results : [];
      } else if (part.type === "image") images++;
      else if (part.type === "tool_use") open.push(part.id);
      else if (part.type === "tool_result") {
        results.push(textOf(part.content));
        images += listOf(part.content).filter(({ type }: Body) => type === "image").length;
      } else if (part.type === "thinking") {
        if (part.signature !== signatureOf(part.thinking))
          throw new Refusal(
            400,
            errorOf(
              "invalid_request_error",
              `messages.${at}.content.0: Invalid \`signature\` in \`thinking\` block`,
            ),
          );
        thinking.push(part.thinking);
      }
    }
  }
  const tools = listOf(body.tools).map(({ name }) => name);
  return {
    model: body.model,
    stream: body.stream === true,
    text,
    results,
    images,
    tools,
    thinking,
    system: textOf(body.system),
  };
}

function errorOf(type: string, message: string) {
  return { type: "error", error: { type, message }, request_id: "req_scripted" };
}

function blocksOf({ thinking, text, calls }: Step): Body[] {
  return [
    ...(thinking === undefined ? [] : [{ type: "thinking", thinking, signature: signatureOf(thinking) }]),
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...(calls ?? []).map(({ id, name, input }) => ({ type: "tool_use", id: `toolu_${id}`, name, input })),
  ];
}

const usage = {
  input_tokens: 100,
  output_tokens: 20,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

const stopReason = ({ calls }: Step) => (calls ? "tool_use" : "end_turn");

function message(step: Step, { model }: Turn) {
  const base = { id: `msg_${crypto.randomUUID()}`, type: "message", role: "assistant", model };
  return { ...base, content: blocksOf(step), stop_reason: stopReason(step), stop_sequence: null, usage };
}

function* events(step: Step, turn: Turn): Generator<string> {
  const event = (type: string, rest: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  yield event("message_start", { message: { ...message({}, turn), stop_reason: null } });
  yield event("ping", {});
  for (const [index, block] of blocksOf(step).entries()) {
    const delta = (delta: object) => event("content_block_delta", { index, delta });
    if (block.type === "thinking") {
      yield event("content_block_start", {
        index,
        content_block: { type: "thinking", thinking: "", signature: "" },
      });
      yield delta({ type: "thinking_delta", thinking: block.thinking });
      yield delta({ type: "signature_delta", signature: block.signature });
    } else if (block.type === "text") {
      yield event("content_block_start", { index, content_block: { type: "text", text: "" } });
      do yield delta({ type: "text_delta", text: block.text });
      while (step.endless);
    } else {
      yield event("content_block_start", { index, content_block: { ...block, input: {} } });
      const json = JSON.stringify(block.input);
      for (const half of [json.slice(0, 5), json.slice(5)])
        yield delta({ type: "input_json_delta", partial_json: half });
    }
    yield event("content_block_stop", { index });
  }
  yield event("message_delta", { delta: { stop_reason: stopReason(step), stop_sequence: null }, usage });
  yield event("message_stop", {});
}

/** Anthropic's messages, as strict as Anthropic. */
export const messages: Dialect = {
  thinks: true,
  parse,
  whole: message,
  events,
  overflow: () =>
    new Refusal(400, errorOf("invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum")),
};
