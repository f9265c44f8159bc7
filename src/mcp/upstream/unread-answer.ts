import { AppError } from "../../errors.ts";
import { refuseExcess } from "../../wire/json.ts";
import { McpFailure } from "../rpc-error.ts";

/** The begin of a response, and its end, as servers write them: the id is before or behind the result. */
const begin = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,\s*"(?:result|error)"/;
const end = /,\s*"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

/** The characters in which they are looked for. */
const reach = 200;

/**
 * Returns the id of a response that cannot be read, because it is no JSON or exceeds a limit, and the failure for whoever
 * waits for it: otherwise the call would wait until its time is over. Undefined for what does not look like a response.
 */
export function unreadAnswer(text: string): { id: number; failure: McpFailure } | undefined {
  const [, id] = begin.exec(text.slice(0, reach)) ?? end.exec(text.slice(-reach)) ?? [];
  if (id !== undefined) return unread(id, faultIn(text));
  // What a program prints may be somebody else's text. It ends a call, but is not taken for an answer (T264).
  const behind = text.indexOf('{"jsonrpc"', 1);
  const [, late] = (behind > 0 && begin.exec(text.slice(behind, behind + reach))) || [];
  return late === undefined ? undefined : unread(late, "other text stands before it on its line");
}

function unread(id: string, fault: string) {
  const failure = new McpFailure("malformed", `the answer of the server cannot be read: ${fault}`);
  return { id: Number(id), failure };
}

function faultIn(text: string): string {
  try {
    refuseExcess(text);
    return "it is not a message of MCP";
  } catch (error) {
    return error instanceof AppError ? error.message : "it is not JSON";
  }
}
