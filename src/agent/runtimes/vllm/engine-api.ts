import type { Outbound, OutboundTimeouts } from "../../../net/outbound.ts";
import { parsedObject } from "../../../wire/json.ts";

/** Calls of a vLLM other than inference. Each throws HttpFailure when there is no response. */
export interface EngineApi {
  /** Returns the status of `/health`: 200, or 503 when the engine is dead. */
  health(signal: AbortSignal): Promise<number>;
  /** Returns the names that it serves; undefined when it does not list them. */
  models(signal: AbortSignal): Promise<string[] | undefined>;
  /** Generates one token, which takes up to a minute the first time. Returns the status. */
  oneToken(model: string, signal: AbortSignal): Promise<number>;
  /** Moves the weights to the memory of the CPU (level 1) and aborts running calls. Returns true on success. */
  sleep(signal: AbortSignal): Promise<boolean>;
  /** Moves the weights back to the GPU. Returns true on success. */
  wakeUp(signal: AbortSignal): Promise<boolean>;
  /** Returns true while it sleeps. */
  isSleeping(signal: AbortSignal): Promise<boolean>;
}

const brief: OutboundTimeouts = { connect: 2_000, firstByte: 5_000, silence: 5_000 };

/** The caller sets a limit of its own. */
const patient: OutboundTimeouts = { connect: 2_000, firstByte: 2 ** 31 - 1, silence: 60_000 };

/** The most bytes of a response that are read. */
const longest = 1024 * 1024;

/**
 * Returns the calls of one vLLM.
 *
 * @param url base URL without `/v1`
 * @param send sends the requests: `createOutbound()`
 */
export function engineApi(url: string, send: Outbound): EngineApi {
  const request = async (
    method: "GET" | "POST",
    path: string,
    timeouts: OutboundTimeouts,
    signal: AbortSignal,
    body?: unknown,
  ) => {
    const response = await send(new URL(path, url), {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      timeouts,
      signal,
    });
    const text = await response.text(longest);
    return { status: response.status, body: (parsedObject(text) ?? {}) as Record<string, unknown> };
  };
  return {
    health: async (signal) => (await request("GET", "/health", brief, signal)).status,
    async models(signal) {
      const { status, body } = await request("GET", "/v1/models", brief, signal);
      const { data } = body;
      return status === 200 && Array.isArray(data) ? data.map((one) => String(one?.id)) : undefined;
    },
    async oneToken(model, signal) {
      const body = { model, prompt: "Hi", max_tokens: 1, stream: false };
      return (await request("POST", "/v1/completions", patient, signal, body)).status;
    },
    sleep: async (signal) => (await request("POST", "/sleep?level=1", patient, signal)).status === 200,
    wakeUp: async (signal) => (await request("POST", "/wake_up", patient, signal)).status === 200,
    async isSleeping(signal) {
      const { status, body } = await request("GET", "/is_sleeping", brief, signal);
      return status === 200 && body["is_sleeping"] === true;
    },
  };
}
