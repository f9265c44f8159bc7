import type { Step, Turn } from "./model.ts";
import { type Body, type Dialect, listOf, Refusal, textOf } from "./wire.ts";

const sealed = (thinking: string) => Buffer.from(`sealed:${thinking}`).toString("base64");

const refusal = (message: string, param: string | null = null, code: string | null = null) =>
  new Refusal(400, { error: { message, type: "invalid_request_error", param, code } });

function parse(body: Body): Turn {
  const items = typeof body.input === "string" ? [{ role: "user", content: body.input }] : listOf(body.input);
  const thinking: string[] = [];
  let results: string[] = [];
  let images = 0;
  let text = body.instructions ?? "";
  const calls = new Set<string>();
  const answered = new Set<string>();
  for (const [i, item] of items.entries()) {
    if (item.type === "function_call" || item.type === "custom_tool_call") calls.add(item.call_id);
    else if (/^(function|custom_tool)_call_output$/.test(item.type)) {
      if (!calls.has(item.call_id))
        throw refusal(`No tool call found for function call output with call_id ${item.call_id}.`, "input");
      answered.add(item.call_id);
      results.push(textOf(item.output));
      images += listOf(item.output).filter(({ type }: Body) => type === "input_image").length;
    } else if (item.type === "reasoning") {
      if (body.store === false && !item.encrypted_content)
        throw refusal(
          `Item with id '${item.id}' not found. Items are not persisted when \`store\` is set to false.`,
          "input",
        );
      if (!Buffer.from(item.encrypted_content, "base64").toString().startsWith("sealed:"))
        throw refusal(
          "The encrypted content could not be verified.",
          `input[${i}].encrypted_content`,
          "invalid_encrypted_content",
        );
      thinking.push(item.encrypted_content);
    } else if (item.type === "item_reference") throw refusal(`Item with id '${item.id}' not found.`, "input");
    else {
      const words = textOf(item.content);
      text += `\n${words}`;
      if (item.role === "user") {
        images += listOf(item.content).filter(({ type }: Body) => type === "input_image").length;
        if (!/^\s*<(system|environment)/.test(words)) results = [];
      }
    }
  }
  const missing = [...calls].find((id) => !answered.has(id));
  if (missing) throw refusal(`No tool output found for function call ${missing}.`, "input");
  const tools = listOf(body.tools).flatMap(({ type, name, tools: inside }: Body) =>
    type === "namespace" ? listOf(inside).map((tool) => `${name}/${tool.name}`) : [name],
  );
  return {
    model: body.model,
    stream: body.stream === true,
    text,
    results,
    images,
    tools,
    thinking,
    system: body.instructions ?? "",
  };
}

function itemsOf({ thinking, text, calls }: Step): Body[] {
  const id = (prefix: string) => `${prefix}_${crypto.randomUUID().replaceAll("-", "")}`;
  return [
    ...(thinking === undefined
      ? []
      : [{ id: id("rs"), type: "reasoning", summary: [], encrypted_content: sealed(thinking) }]),
    ...(text === undefined
      ? []
      : [
          {
            id: id("msg"),
            type: "message",
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", text, annotations: [] }],
          },
        ]),
    ...(calls ?? []).map((call) => ({
      id: id("fc"),
      type: "function_call",
      status: "completed",
      call_id: `call_${call.id}`,
      name: call.name,
      ...(call.namespace !== undefined && { namespace: call.namespace }),
      arguments: JSON.stringify(call.input),
    })),
  ];
}

function response(output: Body[], status: string, { model }: Turn, body: Body) {
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 120,
  };
  return {
    id: `resp_${crypto.randomUUID().replaceAll("-", "")}`,
    object: "response",
    created_at: 1,
    status,
    model,
    output,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: 1,
    usage: status === "completed" ? usage : null,
  };
}

function* events(step: Step, turn: Turn, body: Body): Generator<string> {
  let sequence_number = 0;
  const event = (type: string, rest: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...rest })}\n\n`;
  const output = itemsOf(step);
  const begun = response([], "in_progress", turn, body);
  yield event("response.created", { response: begun });
  yield event("response.in_progress", { response: begun });
  for (const [output_index, item] of output.entries()) {
    const at = { item_id: item.id, output_index };
    const started = {
      ...item,
      status: "in_progress",
      ...(item.content && { content: [] }),
      ...(item.arguments && { arguments: "" }),
    };
    yield event("response.output_item.added", { output_index, item: started });
    if (item.type === "message") {
      const [part] = item.content;
      const inPart = { ...at, content_index: 0 };
      yield event("response.content_part.added", { ...inPart, part: { ...part, text: "" } });
      do yield event("response.output_text.delta", { ...inPart, delta: part.text });
      while (step.endless);
      yield event("response.output_text.done", { ...inPart, text: part.text });
      yield event("response.content_part.done", { ...inPart, part });
    } else if (item.type === "function_call") {
      yield event("response.function_call_arguments.delta", { ...at, delta: item.arguments });
      yield event("response.function_call_arguments.done", { ...at, arguments: item.arguments });
    }
    yield event("response.output_item.done", { output_index, item });
  }
  yield event("response.completed", {
    response: { ...response(output, "completed", turn, body), id: begun.id },
  });
}

/** OpenAI's responses, without stored state. */
export const responses: Dialect = {
  thinks: true,
  parse,
  whole: (step, turn, body) => response(itemsOf(step), "completed", turn, body),
  events,
  overflow: () =>
    refusal(
      "Your input exceeds the context window of this model. Please adjust your input and try again.",
      "input",
      "context_length_exceeded",
    ),
};
