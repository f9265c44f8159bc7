import type { ResponsesEvent } from "../../wire/dialects/responses.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import { typedFrame } from "../../wire/sse.ts";
import { faultOf, reportedFault } from "../provider-fault.ts";
import type { AnswerShapes } from "./types.ts";

interface Item extends Record<string, unknown> {
  content?: unknown;
}

export const responsesShapes: AnswerShapes = {
  dialect: "responses",
  faultIn(body) {
    const answer = isObject(body) ? body : {};
    if (answer.error || answer.status === "failed") return reportedFault(answer);
    if (Array.isArray(answer.output)) return undefined;
    return faultOf(body) ?? { message: "the provider sent an answer without output" };
  },
  toStream(body) {
    let sequence_number = 0;
    const frame = (type: string, fields: object) =>
      typedFrame(type, { sequence_number: sequence_number++, ...fields });
    const running = { ...body, status: "in_progress", output: [] };
    const items = (body.output as Item[]).map((item, output_index) => {
      const parts = Array.isArray(item.content) ? item.content : [];
      const texts = parts.map((part, content_index) => {
        const at = { item_id: item["id"], output_index, content_index };
        if (part?.type !== "output_text") return "";
        return (
          frame("response.content_part.added", { ...at, part: { ...part, text: "" } }) +
          frame("response.output_text.delta", { ...at, delta: part.text, logprobs: [] }) +
          frame("response.output_text.done", { ...at, text: part.text, logprobs: [] }) +
          frame("response.content_part.done", { ...at, part })
        );
      });
      const added = { ...item, ...(parts.length > 0 && { content: [] }), status: "in_progress" };
      return (
        frame("response.output_item.added", { output_index, item: added }) +
        texts.join("") +
        frame("response.output_item.done", { output_index, item })
      );
    });
    const end = body.status === "incomplete" ? "response.incomplete" : "response.completed";
    return [frame("response.created", { response: running }), ...items, frame(end, { response: body })].join(
      "",
    );
  },
  collect() {
    const items: unknown[] = [];
    let whole: unknown;
    return {
      add({ data }) {
        const event = parsedObject(data) as (ResponsesEvent & { item?: unknown }) | undefined;
        if (event?.type === "response.output_item.done") items.push(event.item);
        if (/^response\.(?:completed|incomplete)$/.test(event?.type ?? "")) whole = event?.response;
      },
      whole() {
        // Some servers leave the items that they have streamed out of the last event (case 201).
        const isEmpty = isObject(whole) && !(Array.isArray(whole.output) && whole.output.length > 0);
        return isEmpty && items.length > 0 ? { ...(whole as object), output: items } : whole;
      },
    };
  },
};
