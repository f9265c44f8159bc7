import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { HttpFailure } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { parseExact, scanJson } from "../../wire/json.ts";
import type { InferTask, WakeTask } from "../../wire/link/tasks.ts";
import type { LocalProvider } from "../core/provider.ts";
import { readApiKey } from "../providers/local-provider.ts";
import type { TaskLine, TaskOutcome } from "../transports/server-link.ts";
import { taskErrorOf, wakeErrorOf } from "./task-failure.ts";

/** The largest answer that goes up in one piece. */
const wholeBytes = 16 * 1024 * 1024;

/** What a server takes in one piece, in bytes: it ends a WebSocket that sends more, with all that runs on it. */
const frameBytes = 31 * 1024 * 1024;
/** How deeply an answer may be nested: one that is written again at any depth would overflow the stack. */
const maxDepth = 64;

/** What a task needs to run. */
export interface RunContext {
  provider: LocalProvider;
  line: TaskLine;
  /** Nobody wants the answer any more. */
  signal: AbortSignal;
  log: Log;
}

/** Claims a task, has it answered and sends the answer up. Returns when it is over, however it ended. */
export async function runInfer(task: InferTask, run: RunContext): Promise<void> {
  const { line, signal, provider } = run;
  const granted = await line.accept(task.attempt);
  if (!granted) return line.close();
  // Whoever gave it up has closed its line.
  if (signal.aborted) return;
  const request = task.request ?? granted.request;
  // What stands in a proxy's page in place of the server's answer.
  if (typeof request !== "object" || request === null)
    return line.finish({ error: { kind: "closed", message: "the agent could not take the task" } });
  try {
    await wakeFirst(run);
  } catch (failure) {
    return signal.aborted ? undefined : line.finish({ error: wakeErrorOf(failure) });
  }
  // Until this returns the provider's server is not idle, however long it thinks before its first word.
  const leave = provider.runtime.enter();
  try {
    // The server asks for what is published, and for no other model that the provider may have.
    const body = JSON.stringify({ ...request, model: provider.config.model });
    const answer = await provider.call(task.operation, body, signal);
    const isStream = /^text\/event-stream\b/i.test(answer.headers.get("content-type") ?? "");
    if (answer.status === 200 && isStream && task.streaming) await pipe(answer, run);
    else await line.finish(await whole(answer, provider));
  } catch (failure) {
    if (!signal.aborted) await line.finish(outcomeOf(failure, run));
  } finally {
    leave();
  }
}

/** Brings the provider to answer, and says so. */
export async function runWake(_task: WakeTask, { provider, line, signal }: RunContext): Promise<void> {
  try {
    await provider.runtime.wake(signal);
    await line.finish({ status: 200, body: {} });
  } catch (failure) {
    if (!signal.aborted) await line.finish({ error: wakeErrorOf(failure) });
  }
}

/** One that is asleep is woken. One that is thought to be down may be up again: the call itself will tell. */
async function wakeFirst({ provider, signal }: RunContext): Promise<void> {
  const { state } = provider.runtime;
  const canBeWoken = provider.config.wake !== undefined || provider.config.type === "vllm-managed";
  if (state === "hibernating" || state === "waking" || (state === "inactive" && canBeWoken))
    await provider.runtime.wake(signal);
}

/** The stream as the provider sends it. Throws HttpFailure when it breaks off. */
function pipe(answer: ProviderResponse, { line }: RunContext): Promise<void> {
  return new Promise((resolve, reject) => {
    line.onRoom = () => answer.resume();
    answer.pipe({
      data(bytes) {
        line.write(bytes);
        if (line.full) answer.pause();
      },
      end: () => resolve(line.end()),
      error: reject,
    });
  });
}

async function whole(answer: ProviderResponse, { config }: LocalProvider): Promise<TaskOutcome> {
  const { status } = answer;
  const said = await answer.text(wholeBytes);
  const text = status < 300 ? said : withoutKey(said, config);
  const retryAfter = Number(answer.headers.get("retry-after"));
  const body = json(text);
  if (!fits(text, body)) throw new HttpFailure("too-large", "the answer is too large to be passed on");
  return { status, body, ...(retryAfter > 0 && { retryAfter }) };
}

/** What is no text, or numbers in their short form, takes more room when it is written as JSON again. */
function fits(text: string, body: unknown): boolean {
  return text.length < frameBytes / 8 || Buffer.byteLength(JSON.stringify(body)) < frameBytes;
}

/** Whoever refuses a key may say which it was: that is not for the server, which does not know it either (T35). */
function withoutKey(text: string, config: LocalProvider["config"]): string {
  let key: string | undefined;
  try {
    key = readApiKey(config);
  } catch {
    // It has been taken away meanwhile.
  }
  // One that is shorter is no secret: `none`, `EMPTY`.
  if (key === undefined || key.length < 8) return text;
  return text.replaceAll(key, "[redacted]").replaceAll(JSON.stringify(key).slice(1, -1), "[redacted]");
}

/** The JSON value, digits of integers kept; the text itself where it is none, or is nested deeper than a server reads. */
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
  const error = taskErrorOf(failure);
  log.warn(`${provider.config.name}: ${error.message}`);
  return { error };
}
