import { expect, it } from "vitest";
import { nobody } from "../../../../src/server/core/access/policy.ts";
import type { ClientExchange } from "../../../../src/server/mcp/endpoint/exchange.ts";
import { ParkedCalls, RunningCall } from "../../../../src/server/mcp/endpoint/running-call.ts";

/** A call that waits, of a user with one of its tokens. */
function waiting(userId: string, id: string): RunningCall {
  const principal = { ...nobody, kind: "Token" as const, id, userId };
  const exchange = { caller: { principal, session: id, capabilities: {} } } as unknown as ClientExchange;
  return new RunningCall(exchange, () => new Promise(() => {}));
}

it("100 calls of one user wait for answers, whatever tokens they came with: the oldest makes room (T170)", () => {
  const parked = new ParkedCalls(() => 0);
  const calls = Array.from({ length: 101 }, (_, n) => waiting("usr_a", `tok_${n % 7}`));
  const other = waiting("usr_b", "tok_b");
  parked.park(other);
  for (const call of calls) parked.park(call);
  expect(parked.size).toBe(101);
  expect(parked.take(calls[0]!.id)).toBeUndefined();
  expect(calls[0]!.signal.aborted).toBe(true);
  expect(parked.take(calls[1]!.id)).toBe(calls[1]);
  expect(parked.take(other.id)).toBe(other);
});
