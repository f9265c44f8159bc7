import { AppError } from "../../../../errors.ts";
import { hopsHeader } from "../../../../wire/hops.ts";
import { isObject, scanJson } from "../../../../wire/json.ts";
import type { Principal } from "../../../core/access/policy.ts";
import type { AskChain } from "../../../core/ask-chain.ts";
import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import type { Snapshot } from "../../../core/store/snapshot.ts";
import type { PersonaRow } from "../../../core/store/typed-rows.ts";
import type { Inference } from "../../inference.ts";
import type { ParsedRequest } from "../../request.ts";
import { findPersona, personaModel } from "../persona.ts";
import { personaRequestText } from "../persona-request.ts";
import { messageIn } from "./dialects/chat-answer.ts";
import type { ToolCalls } from "./tool-calls.ts";
import type { ToolLoop } from "./tool-loop.ts";

/** A question to a persona, on behalf of a client or of another persona. */
export interface PersonaQuestion {
  principal: Principal;
  persona: PersonaRow;
  message: string;
  requestId: string;
  /** The header of the call that counts the mcpctl programs before this one. */
  hops: string | null;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** The personas that asked each other, this one included. */
  chain: AskChain;
  /** Called before each round of tools with their names. */
  onTools(names: readonly string[]): void;
}

/**
 * Asks a persona, with the rights and limits of the principal, which needs `run` on it. Returns the text of its answer.
 *
 * @throws AppError
 */
export type AskPersona = (question: PersonaQuestion) => Promise<string>;

/** The levels of a request. */
const maxDepth = 64;

export interface AskPersonaDeps {
  catalogue: Catalogue;
  inference: Pick<Inference, "call">;
  toolCalls(): ToolCalls;
}

/** Returns a function that asks personas. */
export function askPersonaOf({ catalogue, inference, toolCalls }: AskPersonaDeps): AskPersona {
  return async ({ principal, persona, message, requestId, hops, signal, chain, onTools }) => {
    const headers = new Headers(hops === null ? [] : [[hopsHeader, hops]]);
    const httpRequest = new Request("http://localhost/v1/chat/completions", {
      method: "POST",
      headers,
      signal,
    });
    let loop: ToolLoop | undefined;
    const call = { operation: "chat" as const, principal, requestId, httpRequest, onLastBytes() {} };
    const first = await inference.call({
      ...call,
      read: async () => {
        const current = findPersona(catalogue.snapshot, principal, persona.id);
        const begun = toolCalls().begin(
          { ...call, chain, allow: undefined, onTools },
          requestOf(current, message, catalogue.snapshot),
        );
        loop = begun.loop;
        return begun.request;
      },
    });
    const response = loop ? await loop.run(first) : first;
    const answer: unknown = await response.json();
    const { content } = messageIn(isObject(answer) ? answer : {});
    if (typeof content === "string") return content;
    throw new AppError("provider_error", `agent "${persona.name}" gave no text`);
  };
}

/** Returns the request that asks a persona. */
function requestOf(persona: PersonaRow, message: string, snapshot: Snapshot): ParsedRequest {
  const body = { model: personaModel(persona), messages: [{ role: "user", content: message }] };
  const plain = JSON.stringify(body);
  const scanned = { text: plain, body, scan: scanJson(plain, { maxDepth }) };
  const text = personaRequestText(scanned, "chat", persona, snapshot);
  return {
    text,
    body: JSON.parse(text) as Record<string, unknown>,
    scan: scanJson(text, { maxDepth }),
    persona,
  };
}
