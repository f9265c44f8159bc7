import { McpFailure, type RpcError, rpcCodes } from "./rpc-error.ts";

/** Words of servers for a session that they do not know. There is no code for it. */
const words =
  /\bsession\b.{0,40}\b(?:not found|unknown|invalid|expired|terminated|closed|missing|does not exist|required)|\b(?:no|unknown|invalid|missing|expired)\b.{0,20}\bsession\b|server not initialized/i;

/** True if a server says with these words that it does not know the session any more. */
export function saysSessionIsLost(text: string): boolean {
  return words.test(text);
}

/** Codes with which servers refuse a request of a session that they do not know. Those of their tools are others. */
const sessionCodes: ReadonlySet<number> = new Set([rpcCodes.invalidRequest, -32_000, -32_001]);

/** True if an error of a server can say that it does not know the session any more. A tool may use such words, too. */
export function isLostSession({ code, message }: { code: number; message: string }): boolean {
  return sessionCodes.has(code) && saysSessionIsLost(message);
}

/**
 * True if a server refuses a request of a session with this status and text because it does not know the session any more.
 * 404 always means it (revision 2025-11-25, "Session Management"). Some servers say 410, or others with words for it: 400 of
 * older SDKs, 401 of the one for Rust.
 */
export function refusesSession(status: number, text: string): boolean {
  return status === 404 || status === 410 || (status >= 400 && saysSessionIsLost(text));
}

/** @param cause the error with which the server answered, which can also be that of a tool */
export function lostSession(cause?: RpcError): McpFailure {
  return new McpFailure("session", "the server does not know the session any more", {
    isUnsent: true,
    cause,
  });
}
