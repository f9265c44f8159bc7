import { type ChatConversation, chatConversation, type PlacedMessage } from "../halves.ts";
import { type Fields, isGiven, objectAt, quoted, refused, refuseOthers, textAt } from "../request-fields.ts";
import { carriedReasoning } from "./carried-reasoning.ts";
import { contentOf, type ItemPart, partsOf, textOf } from "./content.ts";
import { customInputKey } from "./custom-input.ts";
import { functionName } from "./tool-namespaces.ts";

/** A turn of the assistant: its text and calls, with the results of the calls. */
interface AssistantTurn extends PlacedMessage {
  thinking: unknown[];
  reasoning: string;
  text: string | undefined;
  calls: Fields[];
  results: PlacedMessage[];
  /** Images and files of results, which a tool message cannot hold. */
  attachments: ItemPart[];
}

/**
 * Translates `instructions` and `input` to chat messages. Consecutive reasoning, text and calls become one message of the
 * assistant, and the results of its calls follow it directly. System messages before the first turn become one, because
 * templates of open models allow no second; `developer` becomes `system`, which every provider takes.
 *
 * Fields that only describe an item are left out: its id, status, phase and annotations. Reasoning items of providers are
 * left out too, and reasoning without an answer.
 *
 * @param takesThinking True if signed thinking reaches a provider that takes it back.
 * @throws AppError `invalid_request`
 */
export function conversationOf(body: Fields, takesThinking: boolean): ChatConversation {
  const turns: (PlacedMessage | AssistantTurn)[] = [];
  const callers = new Map<string, AssistantTurn>();
  let open: AssistantTurn | undefined;
  const assistant = (path: string, startsAnew = false): AssistantTurn => {
    if (open && !startsAnew) return open;
    open = { message: {}, path, thinking: [], reasoning: "", text: undefined, ...emptyCalls() };
    turns.push(open);
    return open;
  };

  if (isGiven(body.instructions)) {
    const content = textAt(body.instructions, "/instructions");
    if (content !== "") turns.push({ message: { role: "system", content }, path: "/instructions" });
  }
  for (const { item, path } of itemsOf(body.input)) {
    switch (item.type ?? "message") {
      case "message": {
        refuseOthers(item, path, ["type", "role", "content", "id", "status", "phase"]);
        if (item.role === "assistant") {
          const text = textOf(item.content, `${path}/content`);
          // A second text is a message of its own, unless calls before it wait for their results.
          const turn = assistant(path, open?.text !== undefined && open.calls.length === 0);
          turn.text = turn.text === undefined ? text : `${turn.text}\n\n${text}`;
          break;
        }
        addMessage(turns, messageOf(item, path), path);
        open = undefined;
        break;
      }
      case "reasoning": {
        refuseOthers(item, path, ["type", "id", "summary", "content", "encrypted_content", "status"]);
        const { thinkingBlocks, text } = carriedReasoning(item);
        if (!text && !(takesThinking && thinkingBlocks?.length)) break;
        const turn = assistant(path, open?.text !== undefined && open.calls.length === 0);
        if (text) turn.reasoning += turn.reasoning === "" ? text : `\n\n${text}`;
        if (takesThinking && thinkingBlocks) turn.thinking.push(...thinkingBlocks);
        break;
      }
      case "function_call":
      case "custom_tool_call": {
        const call = callOf(item, path);
        const turn = assistant(path);
        // Some providers number their calls anew in every answer: an id must be unique within one answer only.
        if (callers.get(call.id) === turn) {
          throw refused(`${path}/call_id`, `the call_id ${quoted(call.id)} is used for two calls`);
        }
        turn.calls.push(call);
        callers.set(call.id, turn);
        break;
      }
      case "function_call_output":
      case "custom_tool_call_output":
        addResult(callers, item, path);
        open = undefined;
        break;
      default:
        throw refused(
          `${path}/type`,
          `an item of type ${quoted(item.type)} cannot be sent to this llm's provider`,
        );
    }
  }
  return chatConversation(turns.flatMap((turn) => ("calls" in turn ? assistantMessages(turn) : [turn])));
}

function emptyCalls(): Pick<AssistantTurn, "calls" | "results" | "attachments"> {
  return { calls: [], results: [], attachments: [] };
}

function itemsOf(input: unknown): { item: Fields; path: string }[] {
  if (typeof input === "string") return [{ item: { role: "user", content: input }, path: "/input" }];
  if (!Array.isArray(input) || input.length === 0) throw refused("/input", "input is required");
  return input.map((item, index) => {
    const path = `/input/${index}`;
    return { item: objectAt(item, path), path };
  });
}

function messageOf(item: Fields, path: string): Fields {
  const { role, content } = item;
  if (role === "user") return { role, content: contentOf(partsOf(content, `${path}/content`)) };
  if (role === "system" || role === "developer") {
    return { role: "system", content: textOf(content, `${path}/content`) };
  }
  throw refused(`${path}/role`, `a message of role ${quoted(role)} cannot be sent to this llm's provider`);
}

function addMessage(turns: PlacedMessage[], message: Fields, path: string): void {
  const [only] = turns;
  if (message.role === "system" && turns.length === 1 && only?.message.role === "system") {
    only.message.content = `${only.message.content}\n\n${message.content}`;
  } else turns.push({ message, path });
}

function callOf(item: Fields, path: string): Fields & { id: string } {
  const isCustom = item.type === "custom_tool_call";
  refuseOthers(item, path, [
    "type",
    "id",
    "call_id",
    "name",
    "namespace",
    "status",
    isCustom ? "input" : "arguments",
  ]);
  return {
    id: textAt(item.call_id, `${path}/call_id`),
    type: "function",
    function: {
      name: functionName(textAt(item.name, `${path}/name`), item.namespace),
      arguments: isCustom
        ? JSON.stringify({ [customInputKey]: textAt(item.input, `${path}/input`) })
        : textAt(item.arguments, `${path}/arguments`),
    },
  };
}

function addResult(callers: Map<string, AssistantTurn>, item: Fields, path: string): void {
  refuseOthers(item, path, ["type", "id", "call_id", "output", "status", "name", "namespace"]);
  const id = textAt(item.call_id, `${path}/call_id`);
  const turn = callers.get(id);
  if (!turn) throw refused(`${path}/call_id`, `no earlier call has the call_id ${quoted(id)}`);
  const parts = partsOf(item.output, `${path}/output`);
  const content = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  turn.results.push({ message: { role: "tool", tool_call_id: id, content }, path });
  turn.attachments.push(...parts.filter(({ type }) => type !== "text"));
}

function assistantMessages(turn: AssistantTurn): PlacedMessage[] {
  const { path, thinking, reasoning, text, calls, results, attachments } = turn;
  // Reasoning alone is the rest of an answer that broke off.
  if (text === undefined && calls.length === 0) return [];
  const message = {
    role: "assistant",
    content: calls.length > 0 && !text ? null : text,
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(thinking.length > 0 && { thinking_blocks: thinking }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return [
    { message, path },
    ...results,
    ...(attachments.length > 0 ? [{ message: { role: "user", content: attachments }, path }] : []),
  ];
}
