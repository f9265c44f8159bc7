import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import { changedRequest, type ParsedRequest } from "../request.ts";
import type { AnswerMemory } from "./answer-memory.ts";

const advice = "answers are remembered for 30 minutes, for the token that made the call; send all items";

/**
 * Returns a responses request with the items that it only refers to: the conversation before `previous_response_id`, and
 * an item for each `item_reference` (case 99). Returns the same request where it refers to nothing.
 *
 * @param owner the token or user who makes the call
 * @param options.keepsPrevious true if the provider itself has the conversation before
 * @throws AppError `invalid_request` for an answer or item that is not remembered
 */
export function expandedRequest(
  request: ParsedRequest,
  owner: string,
  memory: AnswerMemory,
  { keepsPrevious = false } = {},
): ParsedRequest {
  const { previous_response_id: previous, input } = request.body;
  const earlier =
    typeof previous === "string" && !keepsPrevious ? conversationBefore(previous, owner, memory) : [];
  const own = itemsOf(input);
  if (earlier.length === 0 && !own.some(isReference)) return request;
  const items = own.flatMap((item, index) =>
    isReference(item) ? referred(item, index, owner, memory) : [item],
  );
  const changes = {
    input: [...earlier, ...items].filter(isReadable),
    ...(!keepsPrevious && { previous_response_id: null }),
  };
  return changedRequest(request, changes);
}

/** Returns the JSON of a request's input, in UTF-8; "[]" where it has none. */
export function inputOf({ text, scan, long }: ParsedRequest): Buffer {
  const member = scan.members.findLast(({ key }) => key === "input");
  const input = member ? text.slice(member.start, member.end) : "[]";
  return long ? long.bytes(input) : Buffer.from(input);
}

function conversationBefore(id: string, owner: string, memory: AnswerMemory): unknown[] {
  const answer = memory.answer(owner, id);
  if (answer) return [...itemsOf(JSON.parse(answer.input)), ...answer.output];
  throw notRemembered("/previous_response_id", `Previous response with id '${id.slice(0, 80)}' not found`);
}

function referred(
  { id }: Record<string, unknown>,
  index: number,
  owner: string,
  memory: AnswerMemory,
): unknown[] {
  const item = typeof id === "string" ? memory.item(owner, id) : undefined;
  if (item !== undefined) return [item];
  // Without its reasoning the conversation can go on.
  if (typeof id === "string" && id.startsWith("rs_")) return [];
  throw notRemembered(`/input/${index}`, `Item with id '${String(id).slice(0, 80)}' not found`);
}

function notRemembered(path: string, message: string): AppError {
  return new AppError("invalid_request", message, { hint: advice, details: [{ path, message }] });
}

function itemsOf(input: unknown): unknown[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return Array.isArray(input) ? input : [];
}

function isReference(item: unknown): item is Record<string, unknown> {
  return isObject(item) && item.type === "item_reference";
}

/** Returns false for reasoning that stands for nothing without OpenAI's store. */
function isReadable(item: unknown): boolean {
  return !isObject(item) || item.type !== "reasoning" || typeof item.encrypted_content === "string";
}
