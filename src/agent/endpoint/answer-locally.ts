import { endpointOf } from "../../adapters/endpoint.ts";
import { nativePathFor } from "../../adapters/index.ts";
import { passthroughPipe } from "../../adapters/passthrough/index.ts";
import { translationFor } from "../../adapters/translation/index.ts";
import type { StreamPipe, Translation } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { isDialect } from "../../wire/dialects/operations.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { refuseExcess } from "../../wire/json.ts";
import { spliceTopLevel } from "../../wire/json-splice.ts";
import { eventStreamHeaders } from "../../wire/sse.ts";
import type { LocalProvider } from "../core/provider.ts";
import type { ModelCall } from "./local-request.ts";
import { responseBody } from "./response-body.ts";

const maxAnswerBytes = 64 * 1024 * 1024;

/** Names the provider of this machine that has responded in place of the server. */
export const failoverHeader = "x-mcpctl-failover";

/**
 * Sends a call to a provider of this machine and returns its response in the caller's dialect. A provider that sleeps is
 * woken first.
 *
 * @param text the caller's body
 * @param passed the number of mcpctl programs that the call has passed before this one
 * @throws AppError, HttpFailure when it fails; the caller then gets the server's error
 */
export async function answerLocally(
  provider: LocalProvider,
  call: ModelCall,
  text: string,
  signal: AbortSignal,
  passed: number,
): Promise<Response> {
  const { runtime, config } = provider;
  const leave = runtime.enter();
  try {
    if (runtime.state !== "active") await runtime.wake(signal);
    const { operation, body, translation } = prepare(provider, call, text);
    const response = await provider.call(operation, body, signal, passed);
    if (response.status < 200 || response.status > 299) {
      response.cancel();
      throw new AppError("provider_error", `the provider ${config.name} responded with ${response.status}`);
    }
    const headers = { [failoverHeader]: config.name };
    if (isEventStream(response)) return streamed(response, call, translation, headers, leave);
    const bytes = await response.bytes(maxAnswerBytes);
    leave();
    const own = { ...headers, "content-type": "application/json" };
    if (!translation) return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: own });
    const answer = bytes.toString("utf8");
    refuseExcess(answer, { subject: "the provider's response" });
    const whole = parseExact(answer);
    return Response.json(translation.response(whole, call.model, call.body), { headers: own });
  } catch (error) {
    leave();
    throw error;
  }
}

/** Returns the request for the provider. Throws AppError `invalid_request` for a field that it cannot express. */
function prepare(provider: LocalProvider, call: ModelCall, text: string) {
  const { type: configured, model, url = "" } = provider.config;
  const type = configured === "vllm-managed" ? "vllm" : configured;
  const { adapter, quirks } = endpointOf(type, url, model)!;
  const { operation, scan, body } = call;
  const isNative = nativePathFor(adapter, operation, quirks) !== undefined;
  const translation =
    isDialect(operation) && !isNative ? translationFor(operation, adapter.dialect) : undefined;
  if (!translation) return { operation, body: spliceTopLevel(text, scan, { model }), translation };
  const translated = JSON.stringify(translation.request(body, model, quirks));
  return { operation: adapter.dialect, body: translated, translation };
}

function streamed(
  response: ProviderResponse,
  call: ModelCall,
  translation: Translation | undefined,
  headers: Record<string, string>,
  leave: () => void,
): Response {
  const dialect = call.operation as Dialect;
  const pipe: StreamPipe =
    translation?.stream(call.model, call.body) ?? passthroughPipe(dialect, { stripUsage: false });
  const brokenOff = () => {
    const { message = "the local provider broke off", type, fields = {} } = pipe.fault ?? {};
    const { family } = dialects[translation?.provider ?? dialect];
    const provider = { family, fields, ...(type !== undefined && { type }) };
    const error = new AppError("provider_error", message, { provider });
    return dialects[dialect].errorFrames(error, "local", pipe.position);
  };
  return new Response(responseBody(response, { pipe, brokenOff, over: leave }), {
    headers: { ...headers, ...eventStreamHeaders },
  });
}

function isEventStream({ headers }: ProviderResponse): boolean {
  return headers.get("content-type")?.toLowerCase().startsWith("text/event-stream") === true;
}
