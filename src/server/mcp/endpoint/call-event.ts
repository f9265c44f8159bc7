import { impersonationOf, tokenIdOf } from "../../core/access/policy.ts";
import { ofPrivate } from "../../core/caller.ts";
import type { AuditEvent } from "../../core/store/types.ts";
import type { ClientExchange, WrittenResult } from "./exchange.ts";

/** The thing that a call is about, for the audit log: with a part, if it is one of an earlier result. */
export type CallSubject =
  | { tool: string; part?: string }
  | { prompt: string }
  | { uri: string }
  | { task: true };

/** A call that is over. */
export interface EndedCall {
  subject: CallSubject;
  /** The server or the persona that answered; undefined if the project itself did. */
  by: (({ server: string } | { agent: string }) & { id: string }) | undefined;
  /** True if the name of who answered is not for everybody. */
  isPrivate: boolean;
  /** The HTTP status that says the same. */
  status: number;
  durationMs: number;
  /** Undefined if the call failed. */
  written: WrittenResult | undefined;
  noted?: { isError: true } | { inputRequired: true };
  error?: string | number;
}

/** The most characters of a name or URI in the audit log. */
const maxSubject = 300;

/** Returns the event of the audit log for a call of a client. */
export function callEvent(
  { caller: { principal }, project, requestId, bytesIn }: ClientExchange,
  { subject, by, isPrivate, status, durationMs, written, noted, error }: EndedCall,
  at: number,
): AuditEvent {
  return {
    at,
    action: "mcp_call",
    requestId,
    userId: principal.userId,
    tokenId: tokenIdOf(principal),
    status,
    durationMs,
    detail: {
      project: project.name,
      ...by,
      ...shortened(subject),
      bytesIn,
      bytesOut: written ? Buffer.byteLength(written.text) : 0,
      ...noted,
      ...(error !== undefined && { error }),
      ...ofPrivate(isPrivate),
      ...impersonationOf(principal),
    },
  };
}

function shortened(subject: CallSubject): CallSubject {
  const isLong = (value: unknown) => typeof value === "string" && value.length > maxSubject;
  if (!Object.values(subject).some(isLong)) return subject;
  return Object.fromEntries(
    Object.entries(subject).map(([key, value]) => [key, isLong(value) ? value.slice(0, maxSubject) : value]),
  ) as CallSubject;
}
