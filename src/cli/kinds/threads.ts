import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { defineKind, nullable } from "../../kinds/define.ts";
import { Id, Time, Words } from "../client/answers.ts";
import { objectPath, withNearestName } from "../client/objects.ts";
import { answerShape } from "../client/shape.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { age, plain } from "../output/cells.ts";
import type { Format } from "../output/format.ts";
import { printedAsData } from "../output/print.ts";
import { table } from "../output/table.ts";
import type { Report } from "./extension.ts";

/** `mcpctl get threads`: the user's own conversations with personas; with an id and `-o yaml` also the messages. */
export const threads: Report = {
  args: {
    agent: {
      type: "string",
      complete: { kind: "agent" },
      valueHint: "NAME",
      description: "Only threads with this persona",
    },
  },
  print: printThreads,
};

/** Threads, as `delete` names them. They have no descriptor on the server: they are known by id and have no name. */
export const threadKind = defineKind({
  kind: "thread",
  plural: "threads",
  short: [],
  display: "Thread",
  idPrefix: "thr",
  summary: "A conversation of a user with a persona.",
  order: 0,
  writes: ["delete"],
  fields: Type.Object({}, { additionalProperties: false }),
  columns: [],
  example: { name: "thr" },
});

const ListedThread = {
  id: Id,
  agent: nullable(Words),
  title: Words,
  createdAt: Time,
  updatedAt: Time,
};
const listed = Type.Object(ListedThread);
const threadsAnswer = answerShape(Type.Array(listed));
const threadAnswer = answerShape(
  Type.Object({ ...ListedThread, messages: Type.Array(Type.Record(Type.String(), Type.Unknown())) }),
);

/** Returns the threads of the user, the last used first; those with one persona, if it is given. */
export async function listThreads(context: Pick<Context, "client">, agent?: string) {
  const client = await context.client();
  return client.call("GET", "/api/v1/threads", { query: { agent }, answer: threadsAnswer });
}

async function printThreads(
  args: Readonly<Record<string, Value>>,
  format: Format,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const ids = (args["names"] ?? []) as readonly string[];
  const agent = args["agent"] as string | undefined;
  if (ids.length > 0 && agent !== undefined)
    throw new AppError("usage", "give ids of threads or --agent, not both");
  const found =
    ids.length === 0
      ? await listThreads(context, agent)
      : await Promise.all(ids.map((id) => readThread(id, context)));
  if (format.as === "name") return terminal.out(found.map(({ id }) => `thread/${id}\n`).join(""));
  const withHeaders = args["no-headers"] !== true;
  const data = ids.length === 1 ? found[0] : found;
  if (await printedAsData(terminal, format, data, found, withHeaders)) return;
  if (found.length === 0)
    return terminal.err("No threads found. To begin one: mcpctl chat AGENT --thread new\n");
  const headers = [
    { header: "ID", whole: true as const },
    "AGENT",
    "TITLE",
    "USED",
    { header: "CREATED", rank: 50 },
  ];
  const now = context.now();
  const rows = found.map(({ id, agent, title, createdAt, updatedAt }) => [
    id,
    plain(agent),
    title === "" ? "-" : plain(title),
    age(updatedAt, now),
    age(createdAt, now),
  ]);
  const { columns, color } = terminal;
  terminal.out(table(headers, rows, { columns, color, headers: withHeaders }));
}

async function readThread(id: string, context: Context) {
  const client = await context.client();
  try {
    return await client.call("GET", objectPath(threadKind, id), { answer: threadAnswer });
  } catch (error) {
    throw await withNearestName(error, threadKind, id, client);
  }
}
