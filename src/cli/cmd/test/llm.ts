import { AppError } from "../../../errors.ts";
import { kindOf } from "../../../kinds/index.ts";
import { jsonText } from "../../../wire/text.ts";
import { getObject, withNearestName } from "../../client/objects.ts";
import { defineVerb } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { withTimeout } from "../../core/deadline.ts";
import { reportFailure } from "../../core/failure.ts";
import { wantsJson } from "../../output/format.ts";
import { waitingOn } from "../../terminal/progress.ts";
import { streamedAnswer } from "../chat/answer.ts";
import { stepLine, type TestStep } from "./mcp-text.ts";

/** The words of the test call. They make every model say a few words. */
const question = "Count from one to twenty in words.";
/** Tokens of the answer, at most: enough to measure the speed, and they cost next to nothing. */
const mostTokens = 64;

export const testLlm = defineVerb({
  meta: {
    name: "llm",
    description: "Call an llm once: can it be reached, is the key right, is the model there, how fast is it",
    about: `NAME is an llm, a pool, an alias or agent:NAME. The test is a real call as any program makes it, so it needs the
      role run, takes a few tokens, and counts on limits. It prints the time to the first token and the tokens a second.

      Exits with 0 if the llm answers, with 1 if it does not, and with the code of every command if it was not called: 3
      where there is none of that name, 4 where you may not call it. "mcpctl audit ID" with the id of the request tells an
      administrator more about a failure.`,
    usage: "NAME [-o json]",
    examples: [
      ["mcpctl test llm claude", "Test the url, the key and the model of an llm"],
      ["mcpctl test llm fast -o json", "Test a pool from a script"],
    ],
  },
  output: ["json"],
  args: { name: { type: "positional", description: "The llm or pool", complete: { kind: "llm" } } },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    const { terminal } = context;
    const steps: TestStep[] = [];
    const report = (step: TestStep) => {
      steps.push(step);
      if (!json) terminal.out(stepLine(step, terminal.color));
    };
    let failure: AppError | undefined;
    let figures: Figures | undefined;
    const waiting = waitingOn(context, `waiting for ${args.name}`);
    try {
      figures = await measure(args.name, context).finally(waiting.end);
      for (const step of stepsOf(figures)) report(step);
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "interrupted") throw error;
      failure = await withNearest(error, args.name, context);
      for (const step of await stepsOfFailure(args.name, failure, context)) report(step);
      reportFailure(failure, terminal, context.flags.verbose);
    }
    if (json)
      terminal.out(
        jsonText({
          ok: failure === undefined,
          steps,
          ...figures,
          ...(failure && { error: failure.message }),
        }),
      );
    if (failure === undefined) return 0;
    return failedStep(failure) === undefined ? failure.exitCode : 1;
  },
});

/** Returns the error for a name that is unknown with the nearest one there is, and every other error as it is. */
async function withNearest(error: AppError, name: string, context: Context): Promise<AppError> {
  const isPersona = error.message.startsWith('agent "');
  if (error.code !== "not_found" || !(isPersona || error.message.startsWith('llm "'))) return error;
  const [kind, short] = isPersona
    ? (["agent", name.replace(/^agent:/, "")] as const)
    : (["llm", name] as const);
  const nearest = await withNearestName(error, kindOf(kind), short, await context.client());
  return nearest instanceof AppError ? nearest : error;
}

interface Figures {
  /** Milliseconds to the first piece of the answer, and to its end. */
  firstTokenMs: number;
  totalMs: number;
  tokens: number | null;
  tokensPerSecond: number | null;
}

async function measure(name: string, context: Context): Promise<Figures> {
  const client = await context.client();
  const signal = withTimeout(context);
  const started = performance.now();
  const body = {
    model: name,
    messages: [{ role: "user", content: question }],
    max_tokens: mostTokens,
    stream: true,
    stream_options: { include_usage: true },
  };
  const bytes = await client.stream("POST", "/v1/chat/completions", { body, signal });
  let first: number | undefined;
  const answer = await streamedAnswer(
    bytes,
    () => {
      first ??= performance.now();
    },
    signal,
  );
  const end = performance.now();
  const begun = first ?? end;
  const tokens = answer.usage?.completion_tokens ?? null;
  const seconds = (end - begun) / 1000;
  return {
    firstTokenMs: Math.round(begun - started),
    totalMs: Math.round(end - started),
    tokens,
    // A single token takes no time after the first one.
    tokensPerSecond: tokens !== null && tokens > 1 && seconds > 0 ? Math.round((tokens - 1) / seconds) : null,
  };
}

function stepsOf({ firstTokenMs, totalMs, tokens, tokensPerSecond }: Figures): TestStep[] {
  const speed = tokensPerSecond === null ? "not told by the provider" : `${tokensPerSecond} tokens/s`;
  return [
    { name: "reach", ok: true, detail: "the provider answers" },
    { name: "key", ok: true, detail: "accepted" },
    { name: "model", ok: true, detail: "there" },
    { name: "first", ok: true, detail: `first token after ${firstTokenMs} ms` },
    { name: "speed", ok: true, detail: `${speed}; ${tokens ?? "?"} tokens in ${totalMs} ms` },
  ];
}

/** Returns the steps up to the one that the error is about. */
async function stepsOfFailure(name: string, error: AppError, context: Context): Promise<TestStep[]> {
  const failed = failedStep(error);
  const names = ["reach", "key", "model", "answer"] as const;
  if (failed === undefined) return [];
  const passed = names.slice(0, names.indexOf(failed));
  const details = { reach: "the provider answers", key: "accepted", model: "there", answer: "" };
  const detail = failed === "reach" ? `${error.message}${await urlOf(name, context)}` : error.message;
  return [
    ...passed.map((step) => ({ name: step, ok: true, detail: details[step] })),
    { name: failed, ok: false, detail },
  ];
}

/** Returns the step that an error is about; undefined for one that has nothing to do with the llm. */
function failedStep({ code, status, message }: AppError): "reach" | "key" | "model" | "answer" | undefined {
  if (code === "provider_unreachable") return "reach";
  if (code === "provider_rejected_credential" || code === "secret_unavailable") return "key";
  if (code === "provider_timeout" || code === "provider_error") return "answer";
  // The server itself says "llm … not found"; other words are those of the provider.
  const isOurs = /^(llm|agent) "/.test(message) || code === "unauthenticated" || code === "forbidden";
  if (isOurs || code === "connection_failed" || code === "timed_out") return undefined;
  return status === 404 ? "model" : "answer";
}

/** Returns the address of the llm for those who may see it: ` (http://10.0.0.7:8000)`. */
async function urlOf(name: string, context: Context): Promise<string> {
  const llm = await getObject(kindOf("llm"), name, context).catch(() => undefined);
  const url = llm?.["url"];
  return typeof url === "string" && url !== "" ? ` (${url})` : "";
}
