import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { probePaths } from "../../../wire/probe.ts";
import { SseParser } from "../../../wire/sse.ts";
import { isUnexpectedAnswer, parsedAnswer, textOf } from "../../client/answer-text.ts";
import { fieldsOf } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { type Check, median, span, tenth } from "./check.ts";

/** The tools of the measurements. */
export interface Bench {
  client: ApiClient;
  /** Milliseconds of a monotonic clock. */
  elapsed(): number;
  /** Waits; throws if it is interrupted. */
  wait(milliseconds: number): Promise<void>;
  /** Aborts the measurements. */
  signal: AbortSignal;
}

const events = 10;
const every = 100;
const parts = 5;
const partEvery = 100;
/** Milliseconds that a response may take beyond the requested time. */
const grace = 10_000;
/** Milliseconds between the comments that keep streams alive: a proxy that cuts earlier breaks streams. */
const commentInterval = 15_000;

const probeEvent = fieldsOf({ at: Type.Number() });
const uploadTimes = fieldsOf({ bytes: Type.Number(), arrived: Type.Array(Type.Number()) });

/** The time at which an event was sent and at which it arrived, each by the clock of its side. */
export interface Timed {
  sent: number;
  arrived: number;
}

/**
 * Evaluates the arrival of a stream.
 *
 * @returns `held` if the events were held back and arrived at once; the median and the largest delay behind the quickest
 * event, in milliseconds
 */
export function evaluate(timed: readonly Timed[]): { held: boolean; medianLag: number; maxLag: number } {
  const delays = timed.map(({ sent, arrived }) => arrived - sent);
  const quickest = Math.min(...delays);
  const lags = delays.map((delay) => delay - quickest);
  const stretch = (of: keyof Timed) => timed.at(-1)![of] - timed[0]![of];
  return {
    held: stretch("arrived") < stretch("sent") / 2,
    medianLag: median(lags),
    maxLag: Math.max(...lags),
  };
}

/** Checks that server-sent events arrive as they are sent. */
export async function checkEvents(bench: Bench): Promise<Check> {
  const name = "events";
  const timed: Timed[] = [];
  const { ended, response } = await readProbe(bench, { events, every, silence: 0 }, (event) =>
    timed.push(event),
  );
  const refused = refusal(name, response);
  if (refused) return refused;
  if (!ended || timed.length < events)
    return { name, verdict: "fail", detail: "the stream was cut before its end", fault: "idle" };
  const { held, medianLag, maxLag } = evaluate(timed);
  const figures = { events, every, medianLag: tenth(medianLag), maxLag: tenth(maxLag), held };
  if (held) {
    const detail = `held back: ${events} events, sent ${every} ms apart, arrived all at once; answers do not stream, and agents get tasks late`;
    return { name, verdict: "fail", detail, figures, fault: "buffering" };
  }
  // A single late event says little: either side may have been busy.
  const late = medianLag > every;
  return {
    name,
    verdict: late ? "warn" : "ok",
    detail: `${events} events, sent ${every} ms apart, arrived ${late ? "in groups" : "one by one"}; delay: median ${span(medianLag)}, maximum ${span(maxLag)}`,
    figures,
    ...(late && { fault: "buffering" as const }),
  };
}

/** Measures how long a silent stream stays open. */
export async function checkSilence(bench: Bench, silence: number): Promise<Check> {
  const name = "silence";
  let began = bench.elapsed();
  const { ended, response, cause } = await readProbe(bench, { events: 1, every: 0, silence }, () => {
    began = bench.elapsed();
  });
  const refused = refusal(name, response);
  if (refused) return refused;
  const lived = bench.elapsed() - began;
  const figures = { asked: silence, lived: Math.round(lived), ended };
  if (ended)
    return {
      name,
      verdict: "ok",
      detail: `a stream stays open through ${span(silence)} of silence`,
      figures,
    };
  if (cause === "timed_out")
    return {
      name,
      verdict: "fail",
      detail: "the event after the silence did not arrive",
      figures,
      fault: "buffering",
    };
  const cut = `a silent stream is cut after ${span(lived)}`;
  if (lived < commentInterval)
    return {
      name,
      verdict: "fail",
      detail: `${cut}, before the next comment of the server keeps it open`,
      figures,
      fault: "idle",
    };
  return {
    name,
    verdict: "warn",
    detail: `${cut}; comments keep streams open, but an answer that is not streamed must not take longer`,
    figures,
    fault: "idle",
  };
}

/** Checks that the body of a request is passed on piece by piece. */
export async function checkUploads({ client, wait, signal }: Bench): Promise<Check> {
  const name = "uploads";
  let sent = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (sent > 0) await wait(partEvery);
      controller.enqueue(new Uint8Array(1024).fill(46));
      if (++sent === parts) controller.close();
    },
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(grace + parts * partEvery)]);
  const response = await client.probe("POST", probePaths.upload, {
    body,
    headers: { "content-type": "application/octet-stream" },
    signal: limit,
  });
  const refused = refusal(name, response);
  if (refused) return refused;
  const { bytes, arrived } = parsedAnswer(await textOf(response), uploadTimes);
  const took = (parts - 1) * partEvery;
  const stretch = (arrived.at(-1) ?? 0) - (arrived[0] ?? 0);
  const held = stretch < took / 2;
  const figures = { bytes, sentOver: took, arrivedOver: tenth(stretch), held };
  if (bytes !== parts * 1024)
    return { name, verdict: "fail", detail: `${parts * 1024} bytes were sent, ${bytes} arrived`, figures };
  if (!held) return { name, verdict: "ok", detail: "request bodies are passed on piece by piece", figures };
  const detail =
    "request bodies are held until they are complete; large requests take a little longer, which is harmless";
  return { name, verdict: "warn", detail, figures, fault: "uploads" };
}

/** Checks that a body over 1 MB is accepted: nginx refuses it by default. */
export async function checkBodySize({ client, signal, elapsed }: Bench): Promise<Check> {
  const name = "large bodies";
  const size = 1.5 * 1024 * 1024;
  const began = elapsed();
  const response = await client.probe("POST", probePaths.upload, {
    body: new Uint8Array(size),
    headers: { "content-type": "application/octet-stream" },
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  });
  if (response.status === 413) {
    await response.body?.cancel();
    const detail = "a proxy refuses requests over 1 MB (413), such as images and long conversations";
    return { name, verdict: "fail", detail, figures: { bytes: size, status: 413 }, fault: "body-size" };
  }
  const refused = refusal(name, response);
  if (refused) return refused;
  const { bytes } = parsedAnswer(await textOf(response), uploadTimes);
  const took = elapsed() - began;
  if (bytes !== size) return { name, verdict: "fail", detail: `${size} bytes were sent, ${bytes} arrived` };
  return {
    name,
    verdict: "ok",
    detail: `1.5 MB arrived in ${span(took)}`,
    figures: { bytes, took: tenth(took) },
  };
}

/** Reads the events of a probe until its end, or until it is cut. */
async function readProbe(
  { client, elapsed, signal }: Bench,
  probe: { events: number; every: number; silence: number },
  onTick: (event: Timed) => void,
): Promise<{ response: Response; ended: boolean; cause?: string }> {
  const limit = AbortSignal.timeout(probe.events * probe.every + probe.silence + grace);
  const response = await client.probe("GET", probePaths.stream, {
    query: Object.fromEntries(Object.entries(probe).map(([name, value]) => [name, String(value)])),
    headers: { accept: "text/event-stream" },
    signal: AbortSignal.any([signal, limit]),
  });
  if (!response.ok) return { response, ended: false };
  const parser = new SseParser();
  let ended = false;
  try {
    for await (const bytes of response.body ?? []) {
      const arrived = elapsed();
      for (const { event, data } of parser.push(bytes)) {
        if (event === "end") ended = true;
        else if (event === "tick") onTick({ sent: parsedAnswer(data, probeEvent).at, arrived });
      }
    }
  } catch (cause) {
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    if (isUnexpectedAnswer(cause)) throw cause;
    // The stream was cut, which is a result of the check.
    return { response, ended, cause: limit.aborted ? "timed_out" : "cut" };
  }
  return { response, ended };
}

/** The result for a response that is no success; undefined for a success. */
function refusal(name: string, response: Response): Check | undefined {
  const { status } = response;
  if (status === 200) return undefined;
  if (status === 404)
    return { name, verdict: "skip", detail: "the server is an older version without this check" };
  if (status === 401) return { name, verdict: "skip", detail: "needs a login" };
  if (status === 429)
    return { name, verdict: "skip", detail: "too many checks at the same time; try again in a minute" };
  return { name, verdict: "fail", detail: `unexpected status ${status}`, figures: { status } };
}
