import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { KindInfo } from "../../kinds/define.ts";
import { instance } from "../../kinds/instance.ts";
import { mcpServer } from "../../kinds/mcp-server.ts";
import { escapeLine, jsonText } from "../../wire/text.ts";
import { parsedAnswer } from "../client/answer-text.ts";
import { Time, Words } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { objectPath, withNearestName } from "../client/objects.ts";
import { backoffPause, eventsOf, isTransient, reconnecting } from "../client/reconnect.ts";
import { answerShape } from "../client/shape.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { withTimeout } from "../core/deadline.ts";
import { timeOf } from "../core/time-flag.ts";
import { kindNamed } from "../kinds/resolve-kind.ts";
import { wantsJson } from "../output/format.ts";

const ApiLogLine = Type.Object({
  at: Time,
  instance: Words,
  stream: Words,
  text: Type.String({ maxLength: 20_000 }),
});
type ApiLogLine = Static<typeof ApiLogLine>;
const logLine = answerShape(ApiLogLine);
const logLines = answerShape(Type.Array(ApiLogLine));

/** `mcpctl logs NAME` */
export const logs = defineVerb({
  meta: {
    name: "logs",
    description: "Show what the programs of an MCP server write, or the answer of a task",
    about: `NAME is an MCP server, or one of its instances. A line is what a program writes to its standard error; lines
      that begin with [mcpctl] tell of starts, ends and failures. Values of secrets are left out. task/ID prints the answer
      of one of your own tasks (mcpctl get tasks), with -f while it comes.

      The server keeps the last 20 MB of each instance. The log can hold what users have sent, so it needs the role edit
      on the MCP server.`,
    usage: "NAME [flags]",
    examples: [
      ["mcpctl logs github", "Show the newest 1000 lines of all its instances"],
      ["mcpctl logs github-1 -f --tail 20", "Follow one instance"],
      ["mcpctl logs github --since 10m", "Show the last ten minutes"],
      ["mcpctl logs task/tsk_01k… -f", "Follow the answer of a task"],
      ["mcpctl logs github-1 --previous", "Show the run before this one, for example after a crash"],
    ],
  },
  output: ["json"],
  args: {
    name: {
      type: "positional",
      description: "The MCP server, an instance of one, or task/ID",
      complete: { kind: mcpServer.kind },
    },
    follow: { type: "boolean", alias: "f", description: "Follow new lines until Ctrl-C" },
    tail: {
      type: "string",
      valueHint: "N",
      description: "Only the newest N lines (default 1000, at most 100000)",
    },
    since: {
      type: "string",
      valueHint: "TIME",
      description: "Only from this time on: 10m or 1h ago, or a time as in RFC 3339",
    },
    previous: { type: "boolean", description: "Only the run before the present one" },
    timestamps: { type: "boolean", description: "Print the time of each line" },
  },
  async run(args, context) {
    const json = wantsJson(context.flags.output);
    if (args.follow && args.previous)
      throw new AppError("usage", "-f and --previous do not go together: the run before is over");
    const task = taskIn(args.name);
    if (task !== undefined) {
      if (json || args.tail !== undefined || args.since !== undefined || args.previous || args.timestamps)
        throw new AppError("usage", "the answer of a task is a text, and takes no flag but -f", {
          hint: `as JSON: mcpctl get task/${task} -o json`,
        });
      const { printTaskAnswer } = await import("./logs/task-answer.ts");
      return printTaskAnswer(task, args.follow, context);
    }
    const query = {
      tail: tailOf(args.tail),
      since: timeOf("--since", args.since, context.now()),
      ...(args.previous && { previous: "1" }),
    };
    const text = printer(json, args.timestamps);
    const path = await findLog(args.name, query, context);
    const { terminal } = context;
    if (args.follow) return follow(path, query, text, context);
    const client = await context.client();
    const lines = await client.call("GET", path, { query, answer: logLines });
    if (lines.length === 0) terminal.err("No lines found.\n");
    const several = new Set(lines.map((line) => line.instance)).size > 1;
    terminal.out(lines.map((line) => text(line, several)).join(""));
  },
});

/** Returns the id in `task/ID`, or an id of a task by itself; undefined for another word. */
function taskIn(word: string): string | undefined {
  return /^tasks?\/(.+)$/.exec(word)?.[1] ?? (/^tsk_[0-9a-z]+$/.test(word) ? word : undefined);
}

function tailOf(text: string | undefined): string | undefined {
  if (text === undefined || (/^\d{1,6}$/.test(text) && Number(text) <= 100_000)) return text;
  throw new AppError("usage", "--tail must be a number from 0 to 100000");
}

/** Returns the path of a log: that of an MCP server of this name, or else of an instance. */
async function findLog(word: string, query: Query, context: Context): Promise<string> {
  const [first = "", name] = word.split("/");
  if (name !== undefined) {
    const kind: KindInfo = kindNamed(first);
    if (kind.kind !== mcpServer.kind && kind.kind !== instance.kind)
      throw new AppError("usage", `${kind.plural} have no logs`, {
        hint: "mcpctl logs NAME shows the log of an MCP server or of an instance",
      });
    return `${objectPath(kind, name)}/logs`;
  }
  const client = await context.client();
  const path = `${objectPath(mcpServer, word)}/logs`;
  try {
    await client.call("GET", path, { query: { ...query, tail: "0" }, answer: logLines });
    return path;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_found") throw error;
    const other = `${objectPath(instance, word)}/logs`;
    const found = client.call("GET", other, { query: { ...query, tail: "0" }, answer: logLines });
    await found.catch(async (second) => {
      const isMissing = second instanceof AppError && second.code === "not_found";
      throw isMissing ? await withNearestName(error, mcpServer, word, client) : second;
    });
    return other;
  }
}

type Query = Readonly<Record<string, string | undefined>>;
type Print = (line: ApiLogLine, withInstance: boolean) => string;

function printer(isJson: boolean, withTime: boolean): Print {
  if (isJson) return (line) => jsonText(line, 0);
  return ({ at, instance: name, stream, text }, withInstance) => {
    const from = stream === "mcpctl" ? "[mcpctl] " : stream === "stdout" ? "[stdout] " : "";
    const line = `${withTime ? `${at} ` : ""}${withInstance ? `${name}: ` : ""}${from}${text}`;
    return `${escapeLine(line)}\n`;
  };
}

async function follow(path: string, query: Query, text: Print, context: Context): Promise<void> {
  const { terminal } = context;
  const signal = withTimeout(context);
  const client = await context.client();
  const instances = new Set<string>();
  for await (const line of followed(client, path, query, signal)) {
    instances.add(line.instance);
    terminal.out(text(line, instances.size > 1));
    await terminal.drain();
  }
}

/** Yields the lines of a log, then new ones. After a lost connection it goes on behind the last line that came. */
function followed(
  client: ApiClient,
  path: string,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<ApiLogLine> {
  let last: string | undefined;
  let atLast = new Set<string>();
  let isConnected = false;
  async function* connect(onEvent: () => void): AsyncGenerator<ApiLogLine> {
    const again = last === undefined ? {} : { since: last, tail: "100000" };
    const response = await client.stream("GET", path, { query: { ...query, ...again, follow: "1" }, signal });
    isConnected = true;
    for await (const { event, data } of eventsOf(response, signal)) {
      onEvent();
      if (event !== "line") continue;
      const line = parsedAnswer(data, logLine);
      const key = `${line.instance} ${line.text}`;
      if (line.at === last && again.since !== undefined && atLast.has(key)) continue;
      if (line.at !== last) atLast = new Set();
      last = line.at;
      atLast.add(key);
      yield line;
    }
  }
  return reconnecting(connect, {
    signal,
    pause: backoffPause,
    isRetried: (error) => isConnected && isTransient(error),
  });
}
