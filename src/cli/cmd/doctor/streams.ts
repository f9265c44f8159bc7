import { AppError } from "../../../errors.ts";
import { type ProbeEvent, probePaths, type UploadTimes } from "../../../wire/probe.ts";
import { SseParser } from "../../../wire/sse.ts";
import type { ApiClient } from "../../client/client.ts";
import { type Check, median, span, tenth } from "./check.ts";

/** What measurements are made with. */
export interface Bench {
  client: ApiClient;
  /** Milliseconds; never goes back. */
  elapsed(): number;
  /** Returns after so many milliseconds, or throws when it is interrupted. */
  wait(milliseconds: number): Promise<void>;
  /** Ends everything. */
  signal: AbortSignal;
}

const events = 10;
const every = 100;
const parts = 5;
const partEvery = 100;
/** How long an answer may take beyond what was asked for, in milliseconds. */
const grace = 10_000;
/** Comments keep streams alive that often: who cuts earlier cuts what should live. */
const beat = 15_000;

/** When an event was sent and when it came, each on its own side's clock. */
export interface Timed {
  sent: number;
  arrived: number;
}

/**
 * How a stream came through.
 *
 * @returns `held` when it was kept back and let go in one; `lag` how much later than the quickest the others came, in
 * milliseconds
 */
export function judged(timed: readonly Timed[]): { held: boolean; medianLag: number; maxLag: number } {
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

/** Whether server-sent events come as they are sent. */
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
  const { held, medianLag, maxLag } = judged(timed);
  const figures = { events, every, medianLag: tenth(medianLag), maxLag: tenth(maxLag), held };
  if (held) {
    const detail = `held back: ${events} events, ${every} ms apart, came all at once; answers do not stream, and agents hear late`;
    return { name, verdict: "fail", detail, figures, fault: "buffering" };
  }
  // One that is late says little: the other end, or this one, was busy.
  const late = medianLag > every;
  return {
    name,
    verdict: late ? "warn" : "ok",
    detail: `${events} events, ${every} ms apart, came ${late ? "in lumps" : "one by one"}: ${span(medianLag)} late in the middle, ${span(maxLag)} at most`,
    figures,
    ...(late && { fault: "buffering" as const }),
  };
}

/** How long a stream lives on which nothing comes. */
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
    return { name, verdict: "ok", detail: `a stream lives through ${span(silence)} of silence`, figures };
  if (cause === "timed_out")
    return {
      name,
      verdict: "fail",
      detail: "the end of the silence never came",
      figures,
      fault: "buffering",
    };
  const cut = `a silent stream is cut after ${span(lived)}`;
  if (lived < beat)
    return {
      name,
      verdict: "fail",
      detail: `${cut}: streams do not live from one comment to the next`,
      figures,
      fault: "idle",
    };
  return {
    name,
    verdict: "warn",
    detail: `${cut}: streams live on comments, but an answer that is not streamed must not take longer`,
    figures,
    fault: "idle",
  };
}

/** Whether the body of a request is passed on as it comes. */
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
  const { bytes, arrived } = (await response.json()) as UploadTimes;
  const took = (parts - 1) * partEvery;
  const stretch = (arrived.at(-1) ?? 0) - (arrived[0] ?? 0);
  const held = stretch < took / 2;
  const figures = { bytes, sentOver: took, arrivedOver: tenth(stretch), held };
  if (bytes !== parts * 1024)
    return { name, verdict: "fail", detail: `${parts * 1024} bytes were sent, ${bytes} came`, figures };
  if (!held) return { name, verdict: "ok", detail: "a request's body is passed on as it comes", figures };
  const detail =
    "a request's body is held until it is whole: large requests take a little longer, nothing else";
  return { name, verdict: "warn", detail, figures, fault: "uploads" };
}

/** Whether a body over one megabyte is let through: nginx refuses it unless it is told otherwise. */
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
    const detail =
      "requests over 1 MB are refused on the way (413): images and long conversations do not fit";
    return { name, verdict: "fail", detail, figures: { bytes: size, status: 413 }, fault: "body-size" };
  }
  const refused = refusal(name, response);
  if (refused) return refused;
  const { bytes } = (await response.json()) as UploadTimes;
  const took = elapsed() - began;
  if (bytes !== size) return { name, verdict: "fail", detail: `${size} bytes were sent, ${bytes} came` };
  return {
    name,
    verdict: "ok",
    detail: `1.5 MB arrive whole, in ${span(took)}`,
    figures: { bytes, took: tenth(took) },
  };
}

/** Reads the events of a probe until its end, or until it is cut. */
async function readProbe(
  { client, elapsed, signal }: Bench,
  asked: { events: number; every: number; silence: number },
  tick: (event: Timed) => void,
): Promise<{ response: Response; ended: boolean; cause?: string }> {
  const limit = AbortSignal.timeout(asked.events * asked.every + asked.silence + grace);
  const response = await client.probe("GET", probePaths.stream, {
    query: Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, String(value)])),
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
        else if (event === "tick") tick({ sent: (JSON.parse(data) as ProbeEvent).at, arrived });
      }
    }
  } catch (cause) {
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    // Cut, which is what is to be found out.
    return { response, ended, cause: limit.aborted ? "timed_out" : "cut" };
  }
  return { response, ended };
}

/** What it means when a probe is not answered with a success; undefined when it is. */
function refusal(name: string, response: Response): Check | undefined {
  const { status } = response;
  if (status === 200) return undefined;
  if (status === 404) return { name, verdict: "skip", detail: "the server is older and has no such probe" };
  if (status === 401) return { name, verdict: "skip", detail: "needs a login" };
  if (status === 429)
    return { name, verdict: "skip", detail: "another doctor is at work: try again in a minute" };
  return { name, verdict: "fail", detail: `answered with ${status}`, figures: { status } };
}
