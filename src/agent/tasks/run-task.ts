import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { HttpFailure } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { retryAfterIn } from "../../time.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { scanJson } from "../../wire/json.ts";
import type { InferTask, WakeTask } from "../../wire/link/tasks.ts";
import type { LocalProvider } from "../core/provider.ts";
import { readApiKey } from "../providers/local-provider.ts";
import type { TaskLine, TaskOutcome } from "../transports/server-link.ts";
import { taskErrorOf, wakeErrorOf } from "./task-failure.ts";

/** The most bytes of an error, and of a whole response for a server that takes it in one message only. */
const wholeBytes = 16 * 1024 * 1024;

/** The most bytes of such a message. The server closes a WebSocket that sends more, with all its tasks. */
const frameBytes = 31 * 1024 * 1024;
/** The deepest nesting of a response: writing a deeper one as JSON again could overflow the stack. */
const maxDepth = 64;

/** Everything that a task needs to run. */
export interface RunContext {
  provider: LocalProvider;
  line: TaskLine;
  /** Aborts when the response is no longer wanted. */
  signal: AbortSignal;
  log: Log;
}

/** Claims a task, calls the provider and sends its response to the server. Returns when it is over, in any way. */
export async function runInfer(task: InferTask, run: RunContext): Promise<void> {
  const { line, signal, provider } = run;
  const granted = await line.accept(task.attempt);
  if (!granted) return line.close();
  // The task was cancelled, and its line is closed.
  if (signal.aborted) return;
  const request = task.request ?? granted.request;
  // A page of a proxy in place of the server's response has no request.
  if (typeof request !== "object" || request === null)
    return line.finish({ error: { kind: "closed", message: "the agent could not take the task" } });
  try {
    await wakeFirst(run);
  } catch (failure) {
    return signal.aborted ? undefined : line.finish({ error: wakeErrorOf(failure) });
  }
  // The runtime counts as busy for the whole task, also during a long wait for the first token.
  const leave = provider.runtime.enter();
  try {
    // The request is always for the published model, and never for another one of the provider.
    const body = JSON.stringify({ ...request, model: provider.config.model });
    const response = await provider.call(task.operation, body, signal, task.hops);
    const isStream = /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
    if (response.status === 200 && isStream && task.streaming) await pipe(response, run);
    else await sendWhole(response, run);
  } catch (failure) {
    if (!signal.aborted) await line.finish(outcomeOf(failure, run));
  } finally {
    leave();
  }
}

/** Wakes the provider and reports the result. */
export async function runWake(_task: WakeTask, { provider, line, signal }: RunContext): Promise<void> {
  try {
    await provider.runtime.wake(signal);
    await line.finish({ status: 200, body: {} });
  } catch (failure) {
    if (!signal.aborted) await line.finish({ error: wakeErrorOf(failure) });
  }
}

/** Wakes a provider that does not run. One that cannot be woken is called anyway: it may be up again. */
async function wakeFirst({ provider, signal }: RunContext): Promise<void> {
  const { state } = provider.runtime;
  const canBeWoken = provider.config.wake !== undefined || provider.config.type === "vllm-managed";
  if (state === "hibernating" || state === "waking" || (state === "inactive" && canBeWoken))
    await provider.runtime.wake(signal);
}

/** Sends a response that is not a stream: as the provider sends it, where the server takes that. */
async function sendWhole(response: ProviderResponse, run: RunContext): Promise<void> {
  const { line, provider } = run;
  const { status, headers } = response;
  const retryAfter = Number(headers.get("retry-after"));
  const contentType = headers.get("content-type");
  const head = { status, ...(contentType && { contentType }), ...(retryAfter > 0 && { retryAfter }) };
  if (!line.begin(head)) return line.finish(await whole(response, provider));
  if (status < 300) return pipe(response, run);
  line.write(Buffer.from(withoutKey(await response.text(wholeBytes), provider.config)));
  await line.end();
}

/** Sends the bytes of a response as the provider sends them. Throws HttpFailure when it breaks off. */
function pipe(response: ProviderResponse, { line }: RunContext): Promise<void> {
  return new Promise((resolve, reject) => {
    line.onRoom = () => response.resume();
    response.pipe({
      data(bytes) {
        line.write(bytes);
        if (line.full) response.pause();
      },
      end: () => resolve(line.end()),
      error: reject,
    });
  });
}

async function whole(response: ProviderResponse, { config }: LocalProvider): Promise<TaskOutcome> {
  const { status } = response;
  const sent = await response.text(wholeBytes);
  const text = status < 300 ? sent : withoutKey(sent, config);
  const retryAfter = retryAfterIn(response.headers.get("retry-after"));
  const body = json(text);
  if (!fits(text, body)) throw new HttpFailure("too-large", "the response is too large to be passed on");
  return { status, body, ...(retryAfter && { retryAfter }) };
}

/** True if a body is small enough for one message. Written as JSON again, it can become several times larger. */
function fits(text: string, body: unknown): boolean {
  return text.length < frameBytes / 8 || Buffer.byteLength(JSON.stringify(body)) < frameBytes;
}

/** Removes the key from an error. A provider may quote a refused key, which the server must not learn (T35). */
function withoutKey(text: string, config: LocalProvider["config"]): string {
  let key: string | undefined;
  try {
    key = readApiKey(config);
  } catch {
    // The file of the key has been removed meanwhile.
  }
  // A shorter key is a placeholder such as `none` or `EMPTY`.
  if (key === undefined || key.length < 8) return text;
  return text.replaceAll(key, "[redacted]").replaceAll(JSON.stringify(key).slice(1, -1), "[redacted]");
}

/** Parses JSON and keeps all digits of integers. Returns the text itself when it is not JSON, or is nested too deeply. */
function json(text: string): unknown {
  try {
    scanJson(`{"":${text}}`, { maxDepth });
    return parseExact(text);
  } catch {
    return text;
  }
}

function outcomeOf(failure: unknown, { log, provider }: RunContext): TaskOutcome {
  if (failure instanceof AppError && failure.code === "not_supported")
    return { status: 501, body: { error: { type: "not_supported", message: failure.message } } };
  if (failure instanceof AppError && failure.code === "loop_detected")
    return { status: failure.status, body: { error: { type: failure.code, message: failure.message } } };
  const error = taskErrorOf(failure);
  log.warn(`${provider.config.name}: ${error.message}`);
  return { error };
}
