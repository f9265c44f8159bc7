import { AppError } from "../../errors.ts";
import { jsonText } from "../../wire/text.ts";
import { backoffPause } from "../client/reconnect.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { withTimeout } from "../core/deadline.ts";
import { timeOf } from "../core/time-flag.ts";
import { knownActions, warnOfUnknownNames } from "../kinds/unknown-names.ts";
import { type Format, parseFormat } from "../output/format.ts";
import { layoutLine, table, titlesOf } from "../output/table.ts";
import { type ApiAuditEvent, auditCells, auditColumns, auditEvents, auditLayout } from "./audit/cells.ts";
import { followAudit } from "./audit/follow.ts";

export const audit = defineVerb({
  meta: {
    name: "audit",
    description: "Show recorded events: calls of llms, changes of objects, logins",
    about: `The server records who called which llm, with the duration and the tokens, and every login and change.
      Prompts, answers and secret values are not recorded. The newest event is the last line. It needs the role view
      on audit.

      REQUEST-ID is in the header x-request-id of every response, and in the errors that this program prints.`,
    usage: "[REQUEST-ID] [flags]",
    examples: [
      [
        "mcpctl audit req_4f1c02a91b3e7q",
        "Tell the story of one request: who, by which rule, each attempt, why it ended",
      ],
      ["mcpctl audit --since 1h", "Show the last hour"],
      ["mcpctl audit --status 5xx -o wide", "Show failed calls, with models and request ids"],
      ["mcpctl audit --user alice -w", "Follow the events of one user"],
      ["mcpctl audit --action llm_inference_call -o json", "Print calls as JSON"],
    ],
  },
  output: ["wide", "json", "yaml"],
  args: {
    "request-id": {
      type: "positional",
      required: false,
      description: "Only the events of this request, in full",
    },
    request: { type: "string", valueHint: "ID", description: "Only the events of this request, in full" },
    since: {
      type: "string",
      valueHint: "TIME",
      description: "Only from this time on: 1h or 7d ago, or a time as in RFC 3339",
    },
    until: {
      type: "string",
      valueHint: "TIME",
      description: "Only before this time: 1h or 7d ago, or a time as in RFC 3339",
    },
    llm: {
      type: "string",
      complete: { kind: "llm" },
      valueHint: "NAME",
      description: "Only calls of this llm or pool",
    },
    user: {
      type: "string",
      complete: { kind: "user" },
      valueHint: "NAME",
      description: "Only events of this user",
    },
    token: {
      type: "string",
      complete: { kind: "token" },
      valueHint: "NAME",
      description: "Only events of this token, by its name or id",
    },
    action: {
      type: "string",
      valueHint: "ACTION",
      description: "Only this action: llm_inference_call, login, create, …",
      complete: knownActions,
    },
    status: {
      type: "string",
      valueHint: "STATUS",
      description: "Only with this HTTP status: 429, or 5xx for all from 500 on",
    },
    limit: {
      type: "string",
      valueHint: "N",
      description: "Only the newest N events (default 100, at most 1000)",
    },
    watch: { type: "boolean", alias: "w", description: "Follow new events until Ctrl-C" },
    "no-headers": { type: "boolean", description: "Print no header line" },
  },
  async run(args, context) {
    const format = parseFormat(context.flags.output) as AuditFormat;
    const query = {
      since: timeOf("--since", args.since, context.now()),
      until: timeOf("--until", args.until, context.now()),
      llm: args.llm,
      user: args.user,
      token: args.token,
      action: args.action,
      status: statusOf(args.status),
      request: args["request-id"] ?? args.request,
      limit: limitOf(args.limit),
    };
    if (query.since !== undefined && query.until !== undefined && query.since >= query.until)
      throw new AppError("usage", "--since must be before --until", {
        hint: "for example --since 2h --until 1h: the hour before the last one",
      });
    if (args.watch) {
      if (args.until !== undefined) throw new AppError("usage", "-w has no end: leave out --until");
      await warnOfUnknownNames(query, context);
      return follow(query, format, !args["no-headers"], context);
    }
    const client = await context.client();
    const { request } = query;
    const events = (await client.call("GET", "/api/v1/audit", { query, answer: auditEvents })).reverse();
    if (request !== undefined && events.length === 0) throw noEvents(request);
    if (request !== undefined && format.as === "table") {
      const { storyText } = await import("./audit/story.ts");
      return context.terminal.out(storyText(events));
    }
    await printAll(events, format, !args["no-headers"], context);
    if (events.length === 0) await warnOfUnknownNames(query, context);
  },
});

function noEvents(request: string): AppError {
  return new AppError("not_found", `there is no event of the request "${request}"`, {
    hint: "requests that only read are not recorded; old events may be deleted (--audit-keep of the server)",
  });
}

/** The formats of events, as `output` of the verb says. */
type AuditFormat = Extract<Format, { as: "table" | "wide" | "json" | "yaml" }>;

function statusOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[1-5](\d\d|xx)$/.test(text)) return text;
  throw new AppError("usage", `--status: "${text}" is not an HTTP status`, {
    hint: "write 429, or 5xx for all from 500 to 599",
  });
}

function limitOf(text: string | undefined): string | undefined {
  if (text === undefined || (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000))
    return text;
  throw new AppError("usage", "--limit must be a number from 1 to 1000", {
    hint: "for older events, give --until the time of the oldest event shown",
  });
}

async function printAll(
  events: readonly ApiAuditEvent[],
  format: AuditFormat,
  headers: boolean,
  { terminal }: Context,
): Promise<void> {
  if (format.as === "json") return terminal.out(jsonText(events));
  if (format.as === "yaml") {
    const { yamlText } = await import("../output/yaml.ts");
    return terminal.out(yamlText(events));
  }
  if (events.length === 0) return terminal.err("No events found.\n");
  const wide = format.as === "wide";
  const rows = events.map((event) => auditCells(event, wide));
  const { columns, color } = terminal;
  terminal.out(table(auditColumns(wide), rows, { columns, color, headers }));
}

/** Prints the latest events, then new ones until Ctrl-C or the end of `--timeout`. JSON is one event on each line, YAML one in each document. */
async function follow(
  query: Readonly<Record<string, string | undefined>>,
  format: AuditFormat,
  headers: boolean,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const signal = withTimeout(context);
  const client = await context.client();
  const textOf = await eventText(format, terminal.columns);
  let header = headers ? headerOf(format, terminal.columns) : "";
  for await (const event of followAudit(client, query, signal, backoffPause)) {
    terminal.out(header + textOf(event));
    header = "";
    await terminal.drain();
  }
}

function headerOf({ as }: AuditFormat, columns: number | undefined): string {
  if (as !== "table" && as !== "wide") return "";
  const wide = as === "wide";
  return `${layoutLine(titlesOf(auditColumns(wide)), auditLayout(wide, columns))}\n`;
}

async function eventText(
  format: AuditFormat,
  columns: number | undefined,
): Promise<(event: ApiAuditEvent) => string> {
  if (format.as === "json") return (event) => jsonText(event, 0);
  if (format.as === "yaml") {
    const { yamlText } = await import("../output/yaml.ts");
    return (event) => `---\n${yamlText(event)}`;
  }
  const wide = format.as === "wide";
  const layout = auditLayout(wide, columns);
  return (event) => `${layoutLine(auditCells(event, wide), layout)}\n`;
}
