import { chatRequests } from "./chat.ts";
import { llms } from "./mcpctl.ts";
import { type Processes, withCost } from "./processes.ts";
import { median } from "./stats.ts";
import type { StreamJob, StreamResult } from "./stream-load.ts";
import type { Setting } from "./subjects.ts";

export interface TranslatedPlan {
  /** Number of streams at a time. */
  streams: number;
  /** Number of tokens in each stream, at 50 a second: `short` while first tokens are timed, `long` while processor time is. */
  tokens: { short: number; long: number };
  rounds: number;
}

/** Streams of a caller of the chat dialect, in the middle of all rounds. Milliseconds. */
export interface TranslatedRow {
  subject: string;
  firstTokenP50: number;
  firstTokenP99: number;
  /** The percentile less that of going to the upstream in the same round. */
  addedP50: number;
  addedP99: number;
  /** From one token to the next. One of 40 ms that the upstream does not have is a socket that waits to fill packets. */
  gapP99: number;
  /** Processor time of the subject, in microseconds, and that of what passes through as of 1. */
  cpuPerToken: number;
  ratio: number;
  /** Streams that did not bring all that was due. */
  broken: number;
}

/** Names of the two that are compared, in tables. */
export const streamSubjects = { through: "passed through", translated: "translated" };

/**
 * Asks in chat's dialect for streams of the upstream itself, of an llm that speaks the same dialect, and of one that
 * speaks Messages. First tokens are timed while as many streams as planned are under way, one opening when another is
 * over; processor time is taken of long streams, opened at once.
 */
export async function measureTranslated(
  { processes, installation, bearer, streamed }: Setting,
  { streams, tokens, rounds }: TranslatedPlan,
): Promise<TranslatedRow[]> {
  const server = await installation.start();
  const headers = { authorization: `Bearer ${bearer}` };
  const subjects = [
    { name: "the upstream itself", pid: streamed.pid, port: streamed.port, model: "bench-model" },
    { name: streamSubjects.through, pid: server.pid, port: server.port, model: llms.streamed },
    { name: streamSubjects.translated, pid: server.pid, port: server.port, model: llms.translated },
  ].map(({ model, ...subject }) => (count: number) => ({
    ...subject,
    requests: chatRequests({ port: subject.port, model, headers, tokens: count }),
  }));
  const results: Measured[][] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    for (const subject of subjects) {
      const first = await timeFirstTokens(processes, subject(tokens.short), streams, tokens.short);
      const { cpu, broken } = await takeCost(processes, subject(tokens.long), streams, tokens.long);
      measured.push({ ...first, cpu, broken: first.broken + broken });
    }
    results.push(measured);
  }
  await server.stop();
  return subjects.map((subject, i) => {
    const middle = (read: (of: Measured, direct: Measured, through: Measured) => number) =>
      median(results.map((round) => read(round[i]!, round[0]!, round[1]!)));
    return {
      subject: subject(0).name,
      firstTokenP50: middle(({ firstToken }) => firstToken.p50),
      firstTokenP99: middle(({ firstToken }) => firstToken.p99),
      addedP50: middle(({ firstToken }, direct) => firstToken.p50 - direct.firstToken.p50),
      addedP99: middle(({ firstToken }, direct) => firstToken.p99 - direct.firstToken.p99),
      gapP99: middle(({ gap }) => gap.p99),
      cpuPerToken: middle(({ cpu }) => cpu),
      ratio: middle(({ cpu }, _, through) => cpu / through.cpu),
      broken: results.reduce((sum, round) => sum + round[i]!.broken, 0),
    };
  });
}

interface Translated {
  pid: number;
  port: number;
  requests: readonly string[];
}

interface Measured extends Pick<StreamResult, "firstToken" | "gap" | "broken"> {
  /** Microseconds a token. */
  cpu: number;
}

const stall = 250;
const tokensPerSecond = 50;
/** Number of rounds in which first tokens are timed; the first does not count. */
const turns = 5;

function timeFirstTokens(
  processes: Processes,
  { port, requests }: Translated,
  streams: number,
  tokens: number,
): Promise<StreamResult> {
  const every = (tokens / tokensPerSecond / streams) * 1000;
  const job: StreamJob = { port, requests, streams: streams * turns, tokens, stall, every, warmUp: streams };
  return processes.ask<StreamResult>("stream-load.ts", job);
}

async function takeCost(
  processes: Processes,
  { pid, port, requests }: Translated,
  streams: number,
  tokens: number,
): Promise<{ cpu: number; broken: number }> {
  const job: StreamJob = { port, requests, streams, tokens, stall };
  const { result, cost } = await withCost([pid], () => processes.ask<StreamResult>("stream-load.ts", job));
  return { cpu: (cost.cpu / result.tokens) * 1e6, broken: result.broken };
}
