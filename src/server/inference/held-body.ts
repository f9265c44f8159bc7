import { maxParsedBytes } from "../../adapters/shapes/parse-answer.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { BodyBudget, HeldBytes } from "../core/body-budget.ts";
import type { CallContext } from "./call.ts";

/** The most bytes of an answer that passes through unread: embeddings. */
const maxResponseBytes = 64 * 1024 * 1024;

/**
 * Reads a whole answer. A large one holds memory until its call is over, and its provider is held back until there is
 * enough (T173).
 *
 * @param isParsed true for the answer of a dialect: others may be larger
 * @throws HttpFailure `too-large`; AppError `server_busy` or `too_many_requests` where there was no memory in time
 */
export async function heldBody(
  response: ProviderResponse,
  answers: BodyBudget,
  { call: { principal, httpRequest }, record }: Pick<CallContext, "call" | "record">,
  isParsed: boolean,
): Promise<Buffer> {
  const most = isParsed ? maxParsedBytes : maxResponseBytes;
  let memory: HeldBytes | undefined;
  const keep = (held: HeldBytes) => {
    memory = held;
    record.whenOver(() => held.release());
  };
  const bytes = await response.bytes(most, () => {
    const declared = Number(response.headers.get("content-length") ?? most);
    const held = answers.hold(principal.userId, Math.min(most, declared), httpRequest.signal);
    if (held instanceof Promise) return held.then(keep);
    keep(held);
    return undefined;
  });
  memory?.shrink(bytes.length);
  return bytes;
}
