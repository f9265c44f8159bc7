import type { ProviderAnswer } from "../adapters/pushed-answer.ts";
import { AppError } from "../errors.ts";
import { parseExact } from "../wire/json.ts";
import type { InferTask, WakeTask } from "../wire/link.ts";
import type { Log } from "./log.ts";
import { taskErrorOf, wakeErrorOf } from "./task-failure.ts";
import type { Outcome, TaskLine } from "./transports/link.ts";
import type { LocalProvider } from "./types.ts";

/** The largest answer that goes up in one piece. */
const wholeBytes = 16 * 1024 * 1024;

/** What a task needs to run. */
export interface TaskRun {
  provider: LocalProvider;
  line: TaskLine;
  /** Nobody wants the answer any more. */
  signal: AbortSignal;
  log: Log;
}

/** Claims a task, has it answered and sends the answer up. Returns when it is over, however it ended. */
export async function runInfer(task: InferTask, run: TaskRun): Promise<void> {
  const { line, signal, provider } = run;
  const granted = await line.accept(task.attempt);
  if (!granted) return line.close();
  // Whoever gave it up has closed its line.
  if (signal.aborted) return;
  const request = task.request ?? granted.request;
  try {
    await wakeFirst(run);
  } catch (failure) {
    return signal.aborted ? undefined : line.finish({ error: wakeErrorOf(failure) });
  }
  // Until this returns the provider's server is not idle, however long it thinks before its first word.
  const leave = provider.runtime.enter();
  try {
    const answer = await provider.call(task.operation, JSON.stringify(request), signal);
    const isStream = /^text\/event-stream\b/i.test(answer.headers.get("content-type") ?? "");
    if (answer.status === 200 && isStream && task.streaming) await pipe(answer, run);
    else await line.finish(await whole(answer));
  } catch (failure) {
    if (!signal.aborted) await line.finish(outcomeOf(failure, run));
  } finally {
    leave();
  }
}

/** Brings the provider to answer, and says so. */
export async function runWake(_task: WakeTask, { provider, line, signal }: TaskRun): Promise<void> {
  try {
    await provider.runtime.wake(signal);
    await line.finish({ status: 200, body: {} });
  } catch (failure) {
    if (!signal.aborted) await line.finish({ error: wakeErrorOf(failure) });
  }
}

/** One that is asleep is woken. One that is thought to be down may be up again: the call itself will tell. */
async function wakeFirst({ provider, signal }: TaskRun): Promise<void> {
  const { state } = provider.runtime;
  const canBeWoken = provider.config.wake !== undefined || provider.config.type === "vllm-managed";
  if (state === "hibernating" || state === "waking" || (state === "inactive" && canBeWoken))
    await provider.runtime.wake(signal);
}

/** The stream as the provider sends it. Throws HttpFailure when it breaks off. */
function pipe(answer: ProviderAnswer, { line }: TaskRun): Promise<void> {
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

async function whole(answer: ProviderAnswer): Promise<Outcome> {
  const text = await answer.text(wholeBytes);
  const { status } = answer;
  const retryAfter = Number(answer.headers.get("retry-after"));
  return { status, body: json(text), ...(retryAfter > 0 && { retryAfter }) };
}

/** The JSON value, digits of integers kept; the text itself where it is none. */
function json(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

function outcomeOf(failure: unknown, { log, provider }: TaskRun): Outcome {
  if (failure instanceof AppError && failure.code === "not_supported")
    return { status: 501, body: { error: { type: "not_supported", message: failure.message } } };
  const error = taskErrorOf(failure);
  log.warn(`${provider.config.name}: ${error.message}`);
  return { error };
}
