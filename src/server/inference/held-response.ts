import { maxParsedBytes } from "../../adapters/shapes/parse-answer.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { BodyBudget, HeldBytes } from "../core/body-budget.ts";
import { inParts } from "../core/in-parts.ts";
import { type WholeInit, wholeResponse } from "../core/whole-response.ts";
import type { CallContext } from "./call.ts";

/** The most bytes of an answer that passes through unread: embeddings. */
const maxResponseBytes = 64 * 1024 * 1024;

/** The body of a response, and the rest of it. */
export type MadeResponse = readonly [body: string | Uint8Array<ArrayBuffer>, rest: WholeInit];

/**
 * Reads a whole answer and makes a response of it. A large one holds memory until its caller has it, however slowly it is
 * read, and its provider is held back until there is enough (T173, T227).
 *
 * @param isParsed true for the answer of a dialect: others may be larger
 * @throws HttpFailure `too-large`; AppError `server_busy` or `too_many_requests` where there was no memory in time; what
 *   `make` throws
 */
export async function heldResponse(
  response: ProviderResponse,
  answers: BodyBudget,
  { call: { principal, httpRequest }, signal }: Pick<CallContext, "call" | "signal">,
  isParsed: boolean,
  make: (bytes: Buffer) => Promise<MadeResponse>,
): Promise<Response> {
  const most = isParsed ? maxParsedBytes : maxResponseBytes;
  let memory: HeldBytes | undefined;
  const release = () => memory?.release();
  const keep = (held: HeldBytes) => {
    memory = held;
    signal.addEventListener("abort", release);
  };
  try {
    const bytes = await response.bytes(most, () => {
      const declared = Number(response.headers.get("content-length") ?? most);
      const held = answers.hold(principal.userId, Math.min(most, declared), signal);
      if (held instanceof Promise) return held.then(keep);
      keep(held);
      return undefined;
    });
    memory?.shrink(bytes.length);
    const [body, rest] = await make(bytes);
    return memory ? new Response(inParts(body, release), rest) : wholeResponse(body, rest, httpRequest);
  } catch (error) {
    release();
    throw error;
  }
}
