import type { Outbound, OutboundTimeouts } from "../../../net/outbound.ts";

/** What is asked of a vLLM besides its models' work. Every call fails with HttpFailure when there is no answer. */
export interface EngineApi {
  /** The status of `/health`: 200, or 503 when its engine is dead. */
  health(signal: AbortSignal): Promise<number>;
  /** The names it serves; undefined when it does not say. */
  models(signal: AbortSignal): Promise<string[] | undefined>;
  /** Has one token made, which the first time takes up to a minute. Returns the status. */
  oneToken(model: string, signal: AbortSignal): Promise<number>;
  /** Moves the weights to the machine's own memory (level 1), and aborts what runs. Returns whether it did. */
  sleep(signal: AbortSignal): Promise<boolean>;
  wakeUp(signal: AbortSignal): Promise<boolean>;
  isSleeping(signal: AbortSignal): Promise<boolean>;
}

const brief: OutboundTimeouts = { connect: 2_000, firstByte: 5_000, silence: 5_000 };

/** Who calls sets a limit of its own. */
const patient: OutboundTimeouts = { connect: 2_000, firstByte: 2 ** 31 - 1, silence: 60_000 };

/** The most that is read of an answer, in bytes. */
const longest = 1024 * 1024;

/**
 * @param url base URL without `/v1`
 * @param send how it is called: `createOutbound()`
 */
export function engineApi(url: string, send: Outbound): EngineApi {
  const ask = async (
    method: "GET" | "POST",
    path: string,
    timeouts: OutboundTimeouts,
    signal: AbortSignal,
    asked?: unknown,
  ) => {
    const answer = await send(new URL(path, url), {
      method,
      headers: asked === undefined ? {} : { "content-type": "application/json" },
      ...(asked !== undefined && { body: JSON.stringify(asked) }),
      timeouts,
      signal,
    });
    return { status: answer.status, text: await answer.text(longest) };
  };
  return {
    health: async (signal) => (await ask("GET", "/health", brief, signal)).status,
    async models(signal) {
      const { status, text } = await ask("GET", "/v1/models", brief, signal);
      const { data } = status === 200 ? objectIn(text) : {};
      return Array.isArray(data) ? data.map((one) => String(one?.id)) : undefined;
    },
    async oneToken(model, signal) {
      const asked = { model, prompt: "Hi", max_tokens: 1, stream: false };
      return (await ask("POST", "/v1/completions", patient, signal, asked)).status;
    },
    sleep: async (signal) => (await ask("POST", "/sleep?level=1", patient, signal)).status === 200,
    wakeUp: async (signal) => (await ask("POST", "/wake_up", patient, signal)).status === 200,
    async isSleeping(signal) {
      const { status, text } = await ask("GET", "/is_sleeping", brief, signal);
      return status === 200 && objectIn(text)["is_sleeping"] === true;
    },
  };
}

function objectIn(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
