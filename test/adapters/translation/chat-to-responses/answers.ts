import { typedFrame } from "../../../../src/wire/sse.ts";

/** Answers of OpenAI's responses, whole and as the events that say the same. */

// biome-ignore lint/suspicious/noExplicitAny: tests read any field
export type Whatever = any;

export const usage = {
  input_tokens: 120,
  input_tokens_details: { cached_tokens: 100, cache_write_tokens: 0 },
  output_tokens: 30,
  output_tokens_details: { reasoning_tokens: 20 },
  total_tokens: 150,
};

export const reasoning = (id: string, ...texts: string[]): Whatever => ({
  type: "reasoning",
  id,
  summary: texts.map((text) => ({ type: "summary_text", text })),
  encrypted_content: `gAAAA${id}+/==`,
});
export const message = (id: string, text: string, more: object = {}): Whatever => ({
  type: "message",
  id,
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [{ type: "url_citation", url: "https://x.test" }] }],
  ...more,
});
export const refusal = (id: string, words: string): Whatever =>
  message(id, "", { content: [{ type: "refusal", refusal: words }] });
export const functionCall = (call_id: string, name: string, args: string): Whatever => ({
  type: "function_call",
  id: `fc_${call_id}`,
  status: "completed",
  call_id,
  name,
  arguments: args,
});
export const hosted = { type: "web_search_call", id: "ws_1", status: "completed", action: { query: "x" } };

export const answer = (output: object[], more: object = {}): Whatever => ({
  id: "resp_1",
  object: "response",
  status: "completed",
  error: null,
  incomplete_details: null,
  model: "gpt-5.6-sol",
  output,
  usage,
  service_tier: "default",
  ...more,
});

/** Returns the events of an answer, with texts in pieces of three characters. */
export function eventsOfAnswer(whole: Whatever): string {
  let sequence_number = 0;
  const frame = (type: string, fields: object) =>
    typedFrame(type, { sequence_number: sequence_number++, ...fields });
  const running = { ...whole, status: "in_progress", output: [], usage: null };
  let text =
    frame("response.created", { response: running }) + frame("response.in_progress", { response: running });
  whole.output.forEach((item: Whatever, output_index: number) => {
    const at = { item_id: item.id, output_index };
    const empty = { ...item, ...(item.content && { content: [] }), ...(item.summary && { summary: [] }) };
    if ("arguments" in item) empty.arguments = "";
    if ("input" in item) empty.input = "";
    text += frame("response.output_item.added", { output_index, item: { ...empty, status: "in_progress" } });
    (item.summary ?? []).forEach((part: Whatever, summary_index: number) => {
      const place = { ...at, summary_index };
      text += frame("response.reasoning_summary_part.added", { ...place, part: { ...part, text: "" } });
      for (const delta of pieces(part.text))
        text += frame("response.reasoning_summary_text.delta", { ...place, delta });
      text += frame("response.reasoning_summary_text.done", { ...place, text: part.text });
      text += frame("response.reasoning_summary_part.done", { ...place, part });
    });
    (item.content ?? []).forEach((part: Whatever, content_index: number) => {
      const place = { ...at, content_index };
      const kind = part.type === "refusal" ? "refusal" : "output_text";
      text += frame("response.content_part.added", { ...place, part });
      for (const delta of pieces(part.text ?? part.refusal))
        text += frame(`response.${kind}.delta`, { ...place, delta, obfuscation: "x" });
      text += frame("response.output_text.annotation.added", { ...place, annotation: {} });
      text += frame("response.content_part.done", { ...place, part });
    });
    for (const delta of pieces(item.arguments ?? ""))
      text += frame("response.function_call_arguments.delta", { ...at, delta });
    for (const delta of pieces(item.input ?? ""))
      text += frame("response.custom_tool_call_input.delta", { ...at, delta });
    text += frame("response.output_item.done", { output_index, item });
  });
  const end = whole.status === "incomplete" ? "response.incomplete" : "response.completed";
  return text + frame(end, { response: whole });
}

function pieces(text: string): string[] {
  const letters = [...text];
  return Array.from({ length: Math.ceil(letters.length / 3) }, (_, at) =>
    letters.slice(3 * at, 3 * at + 3).join(""),
  );
}
