import { nativeSignal } from "../../end-signal.ts";
import type { JsonObject, RpcRequest } from "../../mcp/messages.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";
import { type ProviderResponse, PushedResponse } from "../../net/pushed-response.ts";
import type { LinkCall } from "../workstations/virtual-llms.ts";
import type { HostedExchange } from "./link-host.ts";
import { type InferFields, LinkLost } from "./link-messages.ts";
import type { NodeExchange, NodeLink } from "./node-link.ts";

/** The most characters of a request in one frame. In JSON each takes up to six bytes, and a frame has a limit of 8 MiB. */
const textLength = 512 * 1024;

/** The most bytes of a response in one frame. */
const partBytes = 256 * 1024;

/** Bytes of a response that are sent before its reader has taken them. */
const windowBytes = 512 * 1024;

/** The questions of the node that carries out a call: for the next part of the request, and for leave to send more. */
const questions = { text: "text", more: "more" } as const;

/**
 * Calls a virtual llm at another node. Returns its response when its head has come.
 *
 * @param onOver called when nothing more comes
 * @throws LinkLost, InstanceMoved, or the error of the call
 */
export function inferOver(link: NodeLink, call: LinkCall, onOver: () => void): Promise<ProviderResponse> {
  const { llm, operation, streaming, timeouts, hops, text } = call;
  const head = Promise.withResolvers<ProviderResponse>();
  const left = new AbortController();
  let response: PushedResponse | undefined;
  let sent = Math.min(text.length, textLength);
  const fields: InferFields = {
    ...{ llmId: llm.id, operation, streaming, timeouts, hops },
    text: text.slice(0, sent),
    length: text.length,
  };
  const exchange: NodeExchange = {
    signal: nativeSignal(call.signal, left.signal),
    onEvent(event) {
      if ("head" in event) {
        const { status, headers } = event.head;
        response = new PushedResponse(status, Object.fromEntries(headers), { onCancel: () => left.abort() });
        head.resolve(response);
      } else if ("bytes" in event) response?.push(Buffer.from(event.bytes, "base64"));
    },
    async onAsk({ method }): Promise<JsonObject> {
      if (method === questions.text) {
        const part = text.slice(sent, sent + textLength);
        sent += part.length;
        return { text: part };
      }
      await response?.held;
      return {};
    },
  };
  link
    .request({ is: "infer", call: fields }, exchange)
    .then(
      () => {
        head.reject(new HttpFailure("closed", "the response ended before its head"));
        response?.end();
      },
      (error) => {
        head.reject(error);
        response?.fail(error instanceof LinkLost ? new HttpFailure("closed", error.message) : error);
      },
    )
    .finally(onOver);
  return head.promise;
}

/** Returns the whole body of a call of another node. */
export async function wholeText(
  { text, length }: InferFields,
  { ask, signal }: HostedExchange,
): Promise<string> {
  let whole = text;
  while (whole.length < length) {
    const { text: part } = await ask(question(questions.text), signal);
    if (typeof part !== "string" || part === "" || whole.length + part.length > length)
      throw new Error("a part of a request does not fit");
    whole += part;
  }
  return whole;
}

/** Sends a response to the node that asks, no faster than its reader takes it (T322). @throws what the response failed with */
export async function sendResponse(
  response: ProviderResponse,
  { send, ask, signal }: HostedExchange,
): Promise<void> {
  send({ head: { status: response.status, headers: [...response.headers], hasBody: true } });
  let unread = 0;
  for await (const bytes of partsOf(response))
    for (let at = 0; at < bytes.length; at += partBytes) {
      const part = bytes.subarray(at, at + partBytes);
      send({ bytes: part.toString("base64") });
      unread += part.length;
      if (unread < windowBytes) continue;
      unread = 0;
      response.pause();
      await ask(question(questions.more), signal);
      response.resume();
    }
}

async function* partsOf(response: ProviderResponse): AsyncGenerator<Buffer> {
  const parts: Buffer[] = [];
  let next = Promise.withResolvers<void>();
  let isOver = false;
  let failure: Error | undefined;
  const end = (error?: Error) => {
    isOver = true;
    failure = error;
    next.resolve();
  };
  response.pipe({
    data(bytes) {
      parts.push(bytes);
      next.resolve();
    },
    end,
    error: end,
  });
  for (;;) {
    for (let part = parts.shift(); part; part = parts.shift()) yield part;
    if (failure) throw failure;
    if (isOver) return;
    await next.promise;
    next = Promise.withResolvers();
  }
}

function question(method: string): RpcRequest {
  return { jsonrpc: "2.0", id: method, method };
}
