import type { JsonObject } from "../../../mcp/messages.ts";
import type { Briefing } from "../gate/gate.ts";
import { callGateTool, taskOfCall } from "../gate/gate-calls.ts";
import type { GatePrompt } from "../gate/gate-prompts.ts";
import type { GateTool } from "../gate/gate-tools.ts";
import type { EndpointServices } from "./endpoint-types.ts";
import type { ClientExchange, WrittenResult } from "./exchange.ts";

/** Makes a call whose result is completed. */
type BriefedCall = (complete?: (result: JsonObject) => Promise<JsonObject>) => Promise<WrittenResult>;

/** Calls a tool of the gate. */
export async function callOfGate(
  exchange: ClientExchange,
  { calls, gate, gateCalls }: EndpointServices,
  tool: GateTool,
): Promise<WrittenResult> {
  const wasHidden = gate.hidesTools(exchange);
  const result = await calls.own(exchange, { tool }, async () => {
    const { text, isError } = await callGateTool(gateCalls, exchange, tool, exchange.params["arguments"]);
    return { content: [{ type: "text", text }], ...(isError && { isError }) };
  });
  if (wasHidden && !gate.hidesTools(exchange)) tellTools(exchange);
  return result;
}

/**
 * Makes a call of a server's tool. Where the gate is shut, its result has the briefing before it, and the gate is open
 * then.
 *
 * @param isStructured the tool promises structured content
 */
export function briefed(
  exchange: ClientExchange,
  { gate }: EndpointServices,
  tool: string,
  isStructured: boolean,
  call: BriefedCall,
): Promise<WrittenResult> {
  const task = () => taskOfCall(tool, exchange.params["arguments"]);
  if (isStructured)
    return call(async (result) => {
      const { resultType = "complete" } = result;
      const text = resultType === "complete" ? await gate.besideStructured(exchange, task) : "";
      return text === "" ? result : withBriefing(result, text);
    });
  const wasHidden = gate.hidesTools(exchange);
  const briefing = gate.onCall(exchange, task);
  return briefing ? withBriefingOf(exchange, briefing, wasHidden, call) : call();
}

async function withBriefingOf(
  exchange: ClientExchange,
  briefing: Briefing,
  wasHidden: boolean,
  call: BriefedCall,
): Promise<WrittenResult> {
  let isGiven = false;
  try {
    const result = await call(async (result) => {
      const { resultType = "complete" } = result;
      if (resultType !== "complete") return result;
      const text = await briefing.text.catch(() => "");
      isGiven = text !== "";
      return isGiven ? withBriefing(result, text) : result;
    });
    if (isGiven && wasHidden) tellTools(exchange);
    return result;
  } finally {
    if (!isGiven) briefing.undo();
  }
}

function withBriefing(result: JsonObject, text: string): JsonObject {
  const { content } = result;
  return { ...result, content: [{ type: "text", text }, ...(Array.isArray(content) ? content : [])] };
}

/** Milliseconds in which the answer of a call gets to its client. */
const tellDelay = 50;

/** Tells a client that there are more tools now: on its stream, or with the answer where it holds none. */
function tellTools({ session, send }: ClientExchange): void {
  if (session) session.isTold = true;
  // Behind the answer: a client that lists its tools anew may give up the call that it waits for.
  if (session?.hasStream) setTimeout(() => session.onChange(new Set(["tools"])), tellDelay).unref();
  else send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
}

/** Answers `prompts/get` for a prompt of the project. */
export function getOwnPrompt(
  exchange: ClientExchange,
  { calls, gate }: EndpointServices,
  name: string,
  prompt: GatePrompt,
): Promise<WrittenResult> {
  return calls.own(exchange, { prompt: name }, async () => {
    const linked = await gate.linked(exchange, prompt);
    const text = [prompt.content, linked ?? ""].filter((one) => one !== "").join("\n\n");
    return {
      ...(prompt.description !== "" && { description: prompt.description }),
      messages: [{ role: "user", content: { type: "text", text } }],
    };
  });
}
