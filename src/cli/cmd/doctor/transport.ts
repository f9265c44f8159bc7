import { type Check, span } from "./check.ts";

/** The transport that an agent on this machine would use. */
export interface Transport {
  name: "websocket" | "sse" | "none";
  /** Its effect on the delay of tokens, in a sentence. */
  cost: string;
}

/**
 * The transport that the agent would choose: a WebSocket, otherwise server-sent events with POSTs in return.
 *
 * @returns undefined if too few checks have run
 */
export function chosenTransport(checks: readonly Check[]): Transport | undefined {
  const found = (name: string) => checks.find((check) => check.name === name);
  const roundTrip = found("round trip")?.figures?.["median"];
  const [socket, events] = [found("websocket"), found("events")];
  if (typeof roundTrip !== "number" || !socket || socket.verdict === "skip") return undefined;
  if (socket.verdict === "ok")
    return {
      name: "websocket",
      cost: `each token is sent at once and is delayed by half a round trip (${span(roundTrip / 2)})`,
    };
  if (!events || events.verdict === "skip") return undefined;
  if (events.verdict === "fail")
    return {
      name: "none",
      cost: "neither WebSockets nor event streams pass, so an agent cannot work here",
    };
  return {
    name: "sse",
    cost: `tokens are sent in batches, one for each round trip, and are delayed by about ${span(roundTrip)}; the first one does not wait`,
  };
}
