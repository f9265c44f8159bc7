import { type Check, span } from "./check.ts";

/** How an agent on this machine would be attached. */
export interface Transport {
  name: "websocket" | "sse" | "none";
  /** What that means for an answer, in a sentence. */
  cost: string;
}

/**
 * The way the agent would choose: a WebSocket, else server-sent events down and POSTs up.
 *
 * @returns undefined when too little is known
 */
export function chosenTransport(checks: readonly Check[]): Transport | undefined {
  const found = (name: string) => checks.find((check) => check.name === name);
  const roundTrip = found("round trip")?.figures?.["median"];
  const [socket, events] = [found("websocket"), found("events")];
  if (typeof roundTrip !== "number" || !socket || socket.verdict === "skip") return undefined;
  if (socket.verdict === "ok")
    return {
      name: "websocket",
      cost: `each token is on its way at once, and is late by half a round trip (${span(roundTrip / 2)})`,
    };
  if (!events || events.verdict === "skip") return undefined;
  if (events.verdict === "fail")
    return {
      name: "none",
      cost: "neither a WebSocket nor a stream of events gets through: an agent cannot work here",
    };
  return {
    name: "sse",
    cost: `tokens travel in batches, one batch each round trip: late by about ${span(roundTrip)}; the first is not kept waiting`,
  };
}
