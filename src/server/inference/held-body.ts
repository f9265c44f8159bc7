import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { BodyBudget, HeldBytes } from "../core/body-budget.ts";
import type { CallContext } from "./call.ts";

/**
 * Reads a whole answer. A large one holds memory until its call is over, and its provider is held back until there is
 * enough (T173).
 *
 * @param most the most bytes
 * @throws HttpFailure `too-large`; AppError `server_busy` or `too_many_requests` where there was no memory in time
 */
export async function heldBody(
  answers: BodyBudget,
  { call: { principal, httpRequest }, record }: Pick<CallContext, "call" | "record">,
  response: ProviderResponse,
  most: number,
): Promise<Buffer> {
  let memory: HeldBytes | undefined;
  const keep = (held: HeldBytes) => {
    memory = held;
    record.whenOver(() => held.release());
  };
  const { headers } = response;
  // A compressed answer becomes larger than it says.
  const declared = headers.has("content-encoding") ? most : Number(headers.get("content-length") ?? most);
  const bytes = await response.bytes(most, () => {
    const held = answers.hold(principal.userId, Math.min(most, declared), httpRequest.signal);
    if (held instanceof Promise) return held.then(keep);
    keep(held);
    return undefined;
  });
  memory?.shrink(bytes.length);
  return bytes;
}
