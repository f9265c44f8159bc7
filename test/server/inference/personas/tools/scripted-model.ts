import { reply, type Script, type Seen, streamHead } from "../../../../support/upstream.ts";

/** One answer of a scripted model. */
export interface Turn {
  text?: string;
  calls?: readonly { name: string; args?: unknown; id?: string }[];
  /** The reason of the end as OpenAI's chat dialect has it, if it is not that of a whole answer. */
  finish?: "length";
}

/** Chooses the next answer by the requests so far. */
export type Turns = readonly Turn[] | ((request: Seen, number: number) => Turn);

/** A model that speaks all dialects, streamed or not, and answers with one turn after the other. */
export function scriptedModel(turns: Turns): Script {
  let number = 0;
  return (request, connection) => {
    if (request.method === "GET") return connection.write(reply(200, { object: "list", data: [] }));
    if (request.path.endsWith("/count_tokens")) return connection.write(reply(200, { input_tokens: 5 }));
    const at = number++;
    const turn = typeof turns === "function" ? turns(request, at) : (turns[at] ?? { text: "no more turns" });
    const rendered = request.path.endsWith("/messages")
      ? messages(turn, at)
      : request.path.endsWith("/responses")
        ? responses(turn, at)
        : chat(turn, at);
    if (!request.body.stream) return connection.write(reply(200, rendered.whole));
    connection.end(
      streamHead.replace("transfer-encoding: chunked", "connection: close") + rendered.frames.join(""),
    );
  };
}

const idOf = (call: { id?: string }, at: number, i: number) => call.id ?? `call_${at}_${i}`;
const json = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value ?? {}));
/** Cuts a text in pieces, so that nothing relies on whole ones. */
const pieces = (text: string) => text.match(/[\s\S]{1,5}/g) ?? [];

function chat({ text, calls = [], finish }: Turn, at: number) {
  const head = { id: `chatcmpl-${at}`, created: at + 1, model: "up" };
  const tool_calls = calls.map((call, i) => ({
    id: idOf(call, at, i),
    type: "function",
    function: { name: call.name, arguments: json(call.args) },
  }));
  const finish_reason = finish ?? (calls.length > 0 ? "tool_calls" : "stop");
  const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 };
  const frame = (fields: object) =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...fields })}\n\n`;
  const delta = (fields: object, reason: string | null = null) =>
    frame({ choices: [{ index: 0, delta: fields, finish_reason: reason }] });
  const message = { role: "assistant", content: text ?? null, ...(calls.length > 0 && { tool_calls }) };
  return {
    whole: {
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason }],
      usage,
    },
    frames: [
      delta({ role: "assistant", content: "" }),
      ...pieces(text ?? "").map((content) => delta({ content })),
      ...tool_calls.flatMap(({ id, type, function: { name, arguments: args } }, index) => [
        delta({ tool_calls: [{ index, id, type, function: { name, arguments: "" } }] }),
        ...pieces(args).map((piece) => delta({ tool_calls: [{ index, function: { arguments: piece } }] })),
      ]),
      delta({}, finish_reason),
      frame({ choices: [], usage }),
      "data: [DONE]\n\n",
    ],
  };
}

function messages({ text, calls = [], finish }: Turn, at: number) {
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const uses = calls.map((call, i) => ({
    type: "tool_use",
    id: idOf(call, at, i),
    name: call.name,
    input: call.args ?? {},
  }));
  const content = [...(text === undefined ? [] : [{ type: "text", text }]), ...uses];
  const stop_reason = finish ? "max_tokens" : calls.length > 0 ? "tool_use" : "end_turn";
  const head = { id: `msg_${at}`, type: "message", role: "assistant", model: "up" };
  const end = { stop_reason, stop_sequence: null };
  const usage = { input_tokens: 10, output_tokens: 2 };
  const block = (one: (typeof content)[number], index: number) => {
    const isText = one.type === "text";
    const begin = isText ? { type: "text", text: "" } : { ...one, input: {} };
    const parts = isText ? pieces(text!) : pieces(JSON.stringify((one as (typeof uses)[number]).input));
    const deltas = parts.map((piece) =>
      event("content_block_delta", {
        index,
        delta: isText
          ? { type: "text_delta", text: piece }
          : { type: "input_json_delta", partial_json: piece },
      }),
    );
    return [
      event("content_block_start", { index, content_block: begin }),
      ...deltas,
      event("content_block_stop", { index }),
    ];
  };
  return {
    whole: { ...head, content, ...end, usage },
    frames: [
      event("message_start", {
        message: {
          ...head,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { ...usage, output_tokens: 0 },
        },
      }),
      event("ping", {}),
      ...content.flatMap(block),
      event("message_delta", { delta: end, usage: { output_tokens: 2 } }),
      event("message_stop", {}),
    ],
  };
}

function responses({ text, calls = [], finish }: Turn, at: number) {
  const output = [
    ...(text === undefined
      ? []
      : [
          {
            id: `item_${at}`,
            type: "message",
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", text, annotations: [] }],
          },
        ]),
    ...calls.map((call, i) => ({
      id: `fc_${at}_${i}`,
      type: "function_call",
      status: "completed",
      call_id: idOf(call, at, i),
      name: call.name,
      arguments: json(call.args),
    })),
  ];
  const whole = {
    id: `resp_${at}`,
    object: "response",
    created_at: at + 1,
    model: "up",
    status: finish ? "incomplete" : "completed",
    incomplete_details: finish ? { reason: "max_output_tokens" } : null,
    error: null,
    output,
    tools: [],
    tool_choice: "auto",
    parallel_tool_calls: true,
    usage: {
      input_tokens: 10,
      output_tokens: 2,
      total_tokens: 12,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  };
  let sequence_number = 0;
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...fields })}\n\n`;
  const running = { ...whole, status: "in_progress", output: [], usage: null, incomplete_details: null };
  // biome-ignore lint/suspicious/noExplicitAny: items of several types
  const item = (one: any, output_index: number) => {
    const of = { item_id: one.id, output_index };
    if (one.type === "function_call")
      return [
        event("response.output_item.added", {
          output_index,
          item: { ...one, arguments: "", status: "in_progress" },
        }),
        ...pieces(one.arguments).map((delta) =>
          event("response.function_call_arguments.delta", { ...of, delta }),
        ),
        event("response.function_call_arguments.done", { ...of, name: one.name, arguments: one.arguments }),
        event("response.output_item.done", { output_index, item: one }),
      ];
    const [part] = one.content;
    const inPart = { ...of, content_index: 0 };
    return [
      event("response.output_item.added", {
        output_index,
        item: { ...one, content: [], status: "in_progress" },
      }),
      event("response.content_part.added", { ...inPart, part: { ...part, text: "" } }),
      ...pieces(part.text).map((delta) =>
        event("response.output_text.delta", { ...inPart, delta, logprobs: [] }),
      ),
      event("response.output_text.done", { ...inPart, text: part.text, logprobs: [] }),
      event("response.content_part.done", { ...inPart, part }),
      event("response.output_item.done", { output_index, item: one }),
    ];
  };
  return {
    whole,
    frames: [
      event("response.created", { response: running }),
      event("response.in_progress", { response: running }),
      ...output.flatMap(item),
      event(finish ? "response.incomplete" : "response.completed", { response: whole }),
    ],
  };
}
