import { expect, it } from "vitest";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { faultyProxy } from "../../support/faulty-proxy.ts";
import type { TestServer } from "../../support/server.ts";
import { chunk, reply, streamHead, upstream } from "../../support/upstream.ts";
import { addLlm, events, question, withProvider } from "./setup.ts";

/** Callers of each dialect at providers of each dialect. */
const callers = {
  chat: { path: "/v1/chat/completions", body: question },
  messages: { path: "/v1/messages", body: { ...question, max_tokens: 99 } },
  responses: { path: "/v1/responses", body: { model: "gpt", input: "hello" } },
} as const;
const providers = {
  "openai in chat": {
    fields: { type: "openai", responses: "translated" },
    stream: "openai/text.sse",
    whole: "openai/text.json",
  },
  "openai in responses": {
    fields: { type: "openai", responses: "native" },
    stream: "openai/responses-text.events",
    whole: undefined,
  },
  anthropic: { fields: { type: "anthropic" }, stream: "anthropic/text.sse", whole: "anthropic/text.json" },
  ollama: { fields: { type: "ollama" }, stream: "openai/text.sse", whole: "openai/text.json" },
  "llama.cpp": { fields: { type: "llama.cpp" }, stream: "openai/text.sse", whole: "openai/text.json" },
} as const;
type Caller = keyof typeof callers;
type Provider = keyof typeof providers;
const pairs: [Caller, Provider][] = [
  ...(["chat", "messages", "responses"] as const).flatMap((caller): [Caller, Provider][] => [
    [caller, "openai in chat"],
    [caller, "anthropic"],
  ]),
  ["responses", "openai in responses"],
  ["chat", "ollama"],
  ["messages", "llama.cpp"],
];

/** The first frames of a recorded stream: a beginning without an end. */
function beginning(name: string): string {
  const frames = recorded(name)
    .toString()
    .split(/(?<=\n\n)/);
  return frames.slice(0, Math.ceil(frames.length / 2)).join("");
}

const timedOut = { status: 504, error: "provider_timeout" };
const broken = { status: 502, error: "provider_error" };
const late = "took too long";
const cut = "closed the connection before its response was complete";
const ended = "the response stopped in the middle";

/** One fault of a provider, and what becomes of a call. */
interface Fault {
  name: string;
  /** The bytes that the provider sends of an answer. */
  sends(answer: { stream: string; whole: string }): string;
  /** The fault of the connection once the bytes have arrived; it stays open and quiet if there is none. */
  breaks?: "reset" | "close";
  /** True if the caller has the beginning of a stream. */
  begins?: true;
  event: object;
  words: string;
  /** The phase in which the call ended. */
  phase: "head" | "body";
}

const silent = { event: timedOut, words: late };
const gone = { event: broken, words: cut };
const streamedFaults: Fault[] = [
  { name: "no answer", sends: () => "", ...silent, phase: "head" },
  { name: "half a head", sends: () => "HTTP/1.1 200 OK\r\ncontent-ty", ...silent, phase: "head" },
  { name: "the head alone", sends: () => streamHead, ...silent, phase: "body" },
  {
    name: "half a stream",
    sends: ({ stream }) => streamHead + stream,
    begins: true,
    ...silent,
    phase: "body",
  },
  { name: "half a head, then a reset", sends: () => "HTTP/1.1 200", breaks: "reset", ...gone, phase: "head" },
  {
    name: "half a stream, then a reset",
    sends: ({ stream }) => streamHead + stream,
    ...{ breaks: "reset", begins: true, ...gone, phase: "body" },
  },
  {
    name: "half a stream, then an end",
    sends: ({ stream }) => streamHead + stream,
    ...{ breaks: "close", begins: true, ...gone, words: ended, phase: "body" },
  },
];
const wholeFaults: Fault[] = [
  { name: "no answer", sends: () => "", ...silent, phase: "head" },
  { name: "half an answer", sends: ({ whole }) => whole, ...silent, phase: "body" },
  {
    name: "half an answer, then a reset",
    sends: ({ whole }) => whole,
    breaks: "reset",
    ...gone,
    phase: "body",
  },
];

/** The same llm with long timeouts, for what a busy machine does not do within short ones. */
const patient = (llm: string) => `${llm}-patient`;

/** An llm whose provider has a fault, behind a proxy that can be stalled. */
async function withFaults(server: TestServer, llm: string, provider: Provider) {
  const { fields, stream, whole } = providers[provider];
  const answer = recordedJson(whole ?? "openai/text.json") as object;
  const half = {
    stream: chunk(beginning(stream)),
    whole: reply(200, answer).slice(0, -20),
  };
  const state = { fault: undefined as Fault | "late" | undefined, tooLate: Promise.withResolvers<void>() };
  const { url, seen } = upstream(async (_, connection) => {
    const { fault } = state;
    if (fault === "late") await state.tooLate.promise;
    if (typeof fault === "object") return connection.write(fault.sends(half));
    connection.write(reply(200, { ...answer, id: `answer-${fault}` }));
  });
  const proxy = faultyProxy(url);
  for (const [name, silence] of [
    [llm, 0.3],
    [patient(llm), 5],
  ] as const) {
    const timeouts = { connect: 5, firstByte: silence, silence };
    await addLlm(server, { name, ...fields, url: proxy.url, timeouts });
  }
  return { proxy, state, seen };
}

/** The faults that a pair meets. Those that take time are shared out among the pairs, but for the usual two. */
function faultsFor(faults: readonly Fault[], caller: Caller, provider: Provider): Fault[] {
  const number = pairs.findIndex(([one, other]) => one === caller && other === provider);
  const usual = ["no answer", "half a stream"];
  const slow = faults.filter(
    ({ name, breaks }) => !breaks && !(faults === streamedFaults && usual.includes(name)),
  );
  return faults.filter((fault) => !slow.includes(fault) || fault === slow[number % slow.length]);
}

it.each(pairs)(
  "a %s call at a provider %s that stalls or breaks ends in one error, and the log has its phases",
  async (caller, provider) => {
    const { server, call } = await withProvider(() => {});
    const llm = `${caller}-${provider.replaceAll(/\W/g, "-")}`;
    const { path } = callers[caller];
    const { body } = callers[caller];
    const { proxy, state, seen } = await withFaults(server, llm, provider);
    const { whole } = providers[provider];

    const meet = async (fault: Fault, isStreamed: boolean, model = llm) => {
      const about = `${caller} at ${provider}: ${fault.name}, ${isStreamed ? "streamed" : "whole"}`;
      state.fault = fault;
      const { down } = proxy.counters;
      const asked = seen.length;
      const recordedCalls = async () => (await events(server)).filter((event) => event.llm === model);
      const before = (await recordedCalls()).length;
      const answer = call("POST", path, { ...body, model, stream: isStreamed });
      if (fault.breaks) {
        await expect.poll(() => proxy.counters.down, { interval: 2 }).toBeGreaterThan(down);
        // What has arrived is read before the connection breaks.
        await Bun.sleep(20);
        // A call of which nothing was seen may be tried again.
        state.fault = undefined;
        if (fault.breaks === "reset") proxy.reset();
        else proxy.cut();
      }
      const { status, text } = await answer;
      if (fault.breaks && !fault.begins && seen.length > asked + 1) return;
      expect([status, text], about).toEqual([
        fault.begins ? 200 : (fault.event as { status: number }).status,
        expect.stringContaining(fault.words),
      ]);
      if (fault.begins) {
        expect(text.match(/"error":\s*\{/g)!.length, about).toBeLessThanOrEqual(
          caller === "responses" ? 2 : 1,
        );
        expect(text, about).not.toMatch(
          /"finish_reason":"stop"|event: message_stop|event: response\.completed/,
        );
      }
      const other = fault.phase === "head" ? "body" : "head";
      await expect.poll(async () => (await recordedCalls()).length).toBeGreaterThan(before);
      const [last] = await recordedCalls();
      expect(last, about).toMatchObject({
        ...fault.event,
        detail: { phases: { [fault.phase]: expect.any(Number) } },
      });
      const { phases } = last.detail;
      if (other === "body") expect(phases, about).not.toHaveProperty("body");
      if (fault.event === timedOut) expect(phases[fault.phase], about).toBeGreaterThanOrEqual(250);
    };
    const meetPatiently = (fault: Fault, isStreamed: boolean) =>
      meet(fault, isStreamed).catch(() => meet(fault, isStreamed, patient(llm)));
    for (const fault of faultsFor(streamedFaults, caller, provider)) await meetPatiently(fault, true);
    if (whole)
      for (const fault of faultsFor(wholeFaults, caller, provider)) await meetPatiently(fault, false);

    state.fault = undefined;
    proxy.stall("down");
    const open = await call("POST", path, { ...body, model: llm, stream: true });
    expect([open.status, open.text]).toEqual([504, expect.stringContaining(late)]);
    proxy.resume();

    if (!whole) return;
    state.fault = "late";
    expect((await call("POST", path, { ...body, model: llm })).status).toBe(504);
    state.fault = undefined;
    state.tooLate.resolve();
    const next = await call("POST", path, { ...body, model: patient(llm) });
    expect([next.status, next.text]).toEqual([200, expect.not.stringContaining("answer-late")]);
  },
);
