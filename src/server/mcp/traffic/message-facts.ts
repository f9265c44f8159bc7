import { nameIn } from "../../../mcp/http-headers.ts";
import { asMessage, isRequest, isResponse, type RpcId } from "../../../mcp/messages.ts";
import { kept } from "../client-label.ts";

/** `invalid`: what came is no message. */
export type MessageType = "request" | "response" | "error" | "notification" | "invalid";

/** One message of a client or to it, as far as its envelope says it. */
export interface MessageFacts {
  type: MessageType;
  method?: string;
  /** The id of JSON-RPC. */
  id?: RpcId | null;
  /** The tool, prompt, resource or task that it is about. */
  subject?: string;
}

/** Longer messages to a client are not parsed for what they are: those that mcpctl writes say it at their begin. */
const maxParsed = 64 * 1024;

/** The begin of an answer as mcpctl writes it. */
const answerBegin = /^\{"jsonrpc":"2\.0","id":("(?:[^"\\]|\\.){0,400}"|-?\d{1,20}|null),"(result|error)":/;

/** Returns the facts of a parsed message. */
export function factsOf(body: unknown): MessageFacts {
  const message = asMessage(body);
  if (!message) return { type: "invalid" };
  if (isResponse(message)) return { type: message.error ? "error" : "response", id: keptId(message.id) };
  const { method, params = {} } = message;
  const subject = nameIn(method, params);
  return {
    type: isRequest(message) ? "request" : "notification",
    method: kept(method),
    ...(isRequest(message) && { id: keptId(message.id) }),
    ...(subject !== undefined && { subject: kept(subject) }),
  };
}

/** Returns the facts of a message as JSON. Of a long one only the begin is looked at. */
export function factsOfText(text: string): MessageFacts {
  const [begin, id, part] = answerBegin.exec(text) ?? [];
  if (begin !== undefined)
    return {
      type: part === "error" ? "error" : "response",
      id: keptId(JSON.parse(id!) as RpcId | null),
    };
  if (text.length > maxParsed) return { type: "notification" };
  try {
    return factsOf(JSON.parse(text));
  } catch {
    return { type: "invalid" };
  }
}

function keptId(id: RpcId | null): RpcId | null {
  return typeof id === "string" ? kept(id) : id;
}
