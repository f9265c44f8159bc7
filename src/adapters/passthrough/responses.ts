import { type ResponsesEvent, responsesUsage } from "../../wire/dialects/responses.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import { noUsage, type Usage } from "../../wire/dialects/usage.ts";
import { isObject, parsedObject, shortFieldsOf } from "../../wire/json.ts";
import type { SseEvent } from "../../wire/sse.ts";
import { namedFault, responsesFault } from "../provider-fault.ts";
import { isCarriedState } from "../translation/carried-state.ts";
import { isGiven } from "../translation/request-fields.ts";
import { itemsOf, refuseState } from "../translation/responses-to-chat/stateless.ts";
import type { ResponsesAnswer, StreamFault } from "../types.ts";
import { hasAny, type Passthrough, type StreamWatch, usualFrameBytes, type Verdict } from "./watch.ts";

/**
 * The provider is asked to store nothing, because this server keeps no state between two calls, unless the llm says that
 * the provider keeps it for its callers. So a caller that relied on
 * the store needs the reasoning itself, sealed, to send it back (case 92). Reasoning that came from another provider
 * through a translation is removed, and so is reasoning that stands for nothing without the store: this provider would
 * refuse both (case 95).
 */
export const responsesPassthrough: Passthrough = {
  prepare(body, { sealedReasoning, keepsState }) {
    refuseState(body, keepsState);
    const items = itemsOf(body);
    // A caller that names what the provider keeps sends no reasoning back.
    const isHeld = keepsState && [body.previous_response_id, body.conversation].some(isGiven);
    const changes = {
      ...(body.store !== false && !keepsState && { store: false }),
      ...(body.store !== false && sealedReasoning && !isHeld && { include: withSealed(body.include) }),
      ...(items.some(isUnreadable) && { input: withoutUnreadable(items) }),
    };
    return { changes, stripUsage: false };
  },
  watch: () => new ResponsesWatch(),
};

/** The most bytes of the last frame, which repeats the whole answer and most of the request. */
const largestEnd = 16 * 1024 * 1024;

/** The most characters of the items of an answer that are read in its last frame: more are not remembered. */
const longestOutput = 8 * 1024 * 1024;

const starts = [Buffer.from('"response.created"')];
const ends = ['"response.completed"', '"response.failed"', '"response.incomplete"', "error"].map((text) =>
  Buffer.from(text),
);

const responseKey = [Buffer.from('"response"')];

const sealed = "reasoning.encrypted_content";

function withSealed(include: unknown): unknown {
  if (!Array.isArray(include)) return include ?? [sealed];
  return include.includes(sealed) ? undefined : [...include, sealed];
}

function isUnreadable(item: unknown): boolean {
  if (!isObject(item) || item.type !== "reasoning") return false;
  const { encrypted_content: sealed, content } = item;
  if (typeof sealed === "string") return isCarriedState(sealed);
  return !Array.isArray(content) || content.length === 0;
}

/** The items that need no id. */
const bareItems: readonly unknown[] = ["message", "function_call", "custom_tool_call"];

/** Removes reasoning, and ids of other items: with its id, an item of OpenAI's store is refused without its reasoning. */
function withoutUnreadable(items: readonly unknown[]): unknown[] {
  return items
    .filter((item) => !isUnreadable(item))
    .map((item) => {
      if (!isObject(item) || !bareItems.includes(item.type)) return item;
      const { id: _, ...rest } = item;
      return rest;
    });
}

/** Returns the id and the items of an answer; undefined for one without them. */
export function responsesAnswer(body: unknown): ResponsesAnswer | undefined {
  const { id, output } = (body ?? {}) as { id?: unknown; output?: unknown };
  return typeof id === "string" && Array.isArray(output) ? { id, output } : undefined;
}

class ResponsesWatch implements StreamWatch {
  finished = false;
  usage: Usage = noUsage;
  fault: StreamFault | undefined;
  position: StreamPosition | undefined;
  answer: ResponsesAnswer | undefined;
  readonly terminal = undefined;
  readonly largestHeldFrame = largestEnd;

  // Every event repeats its type in the data.
  mayMatter(bytes: Uint8Array): boolean {
    return hasAny(bytes, ends) || (this.position === undefined && hasAny(bytes, starts));
  }

  // If the keys are sorted, the type of the last event comes after the whole answer.
  mayBeLong(beginning: Uint8Array): boolean {
    return this.mayMatter(beginning) || hasAny(beginning, responseKey);
  }

  read(frame: SseEvent): Verdict {
    const { data } = frame;
    const isLong = data.length > usualFrameBytes;
    // The first event repeats the request, which is too long to be parsed for an id.
    if (this.position === undefined) {
      const [, responseId] =
        /"id": ?"(resp_[\w-]+)"/.exec(isLong ? data.slice(0, usualFrameBytes) : data) ?? [];
      if (responseId !== undefined) this.position = { responseId };
    }
    if (!isLong && !endOfResponse.test(data)) {
      // A relay's words in place of an event.
      this.fault = namedFault(frame);
      return this.fault ? "fault" : "keep";
    }
    const event = ((isLong ? longEvent(data) : parsedObject(data)) ?? {}) as ResponsesEvent;
    const { type, response, sequence_number: sequence } = event;
    const usage = responsesUsage(response?.usage, (response as { output?: unknown } | null)?.output);
    if (usage) this.usage = usage;
    if (type === "error" || type === "response.failed" || response?.status === "failed") {
      if (this.position && sequence !== undefined) this.position = { ...this.position, sequence };
      this.fault = responsesFault(event);
      return "fault";
    }
    if (type !== "response.completed" && type !== "response.incomplete") return "keep";
    this.answer = responsesAnswer(response);
    this.finished = true;
    return "last";
  }
}

/** Tools that a long event repeats are some thousand small elements. */
const longLimits = { maxStructure: 2 * 1024 * 1024, maxEscapes: 400_000 };

/** Parses what is read of a long event: not the request that it repeats. Returns undefined for what is no such event (T137). */
function longEvent(data: string): object | undefined {
  const event = shortFieldsOf(data, longLimits);
  const text = event?.rest.get("response");
  if (text === undefined) return event?.fields;
  const response = shortFieldsOf(text, longLimits);
  const output = response?.rest.get("output");
  const isRead = output !== undefined && output.length <= longestOutput;
  return {
    ...event?.fields,
    response: { ...response?.fields, ...(isRead && { output: parsedObject(output) }) },
  };
}

/** A cheap test for the events that end an answer; parsing decides. */
const endOfResponse = /"type": ?"(?:error|response\.(?:completed|incomplete|failed))"/;
