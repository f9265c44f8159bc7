import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import { faultOf } from "../../provider-fault.ts";
import type { NewId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { detailOf } from "../sealed-items.ts";
import { garbage } from "../translated-pipe.ts";
import {
  brokenOffWords,
  calledOf,
  chatUsageOf,
  finishOf,
  type OutputItem,
  type ProviderAnswer,
  phaseField,
  textGap,
  thoughtsOf,
  wordsOf,
} from "./answer.ts";

/**
 * Translates an answer of responses to a chat completion. Summaries of reasoning become `reasoning_content`, and the sealed
 * reasoning becomes `reasoning_details`, which the caller may send back. Items of tools that ran at the provider are left
 * out: the caller need not act on them.
 *
 * @param model The name by which the caller called the model.
 * @param created Seconds since 1970.
 * @throws AppError `provider_error`
 */
export function chatCompletionOf(body: unknown, model: string, created: number, newId: NewId): Fields {
  const answer = (body ?? {}) as ProviderAnswer;
  if (!Array.isArray(answer.output)) {
    const fault = faultOf(body);
    throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without output");
  }
  const { message, hasCalls } = messageOf(answer.output.filter(isObject));
  const finish_reason = finishOf(answer, hasCalls);
  if (finish_reason === undefined) throw new AppError("provider_error", brokenOffWords(answer));
  const usage = chatUsageOf(answer.usage);
  return {
    id: `chatcmpl-${newId()}`,
    object: "chat.completion",
    created,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    ...(usage && { usage }),
    ...(answer.service_tier && { service_tier: answer.service_tier }),
  };
}

function messageOf(items: OutputItem[]): { message: Fields; hasCalls: boolean } {
  const thoughts: string[] = [];
  const details: Fields[] = [];
  const texts: string[] = [];
  const calls: Fields[] = [];
  let refusal = "";
  let phase = {};
  for (const item of items) {
    const call = calledOf(item);
    if (call) calls.push(callOf(item, call));
    else if (item.type === "message") {
      const words = wordsOf(item);
      if (words.text !== "") texts.push(words.text);
      refusal += words.refusal;
      if (details.length > 0) phase = { ...phase, ...phaseField(item) };
    } else if (item.type === "reasoning") {
      thoughts.push(...thoughtsOf(item));
      const before = details.length + calls.length + (texts.length > 0 || refusal !== "" ? 1 : 0);
      const detail = detailOf(item, before);
      if (detail) details.push(detail);
    }
  }
  const message = {
    role: "assistant",
    content: texts.length === 0 && calls.length > 0 ? null : texts.join(textGap),
    refusal: refusal === "" ? null : refusal,
    ...(thoughts.length > 0 && { reasoning_content: thoughts.join(textGap) }),
    ...(details.length > 0 && { reasoning_details: details }),
    ...phase,
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return { message, hasCalls: calls.length > 0 };
}

function callOf(
  { call_id, name = "" }: OutputItem,
  { kind, text }: NonNullable<ReturnType<typeof calledOf>>,
): Fields {
  const called = kind === "custom" ? { name, input: text } : { name, arguments: text || "{}" };
  return { id: call_id, type: kind, [kind]: called };
}
