import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { defineKind, nullable } from "../../kinds/define.ts";
import { isObject } from "../../wire/json.ts";
import { Id, Time, Words } from "./answers.ts";
import type { ApiClient } from "./client.ts";
import { answerShape } from "./shape.ts";

/** Tasks, as verbs name them. They have no descriptor on the server: they are known by id and have no name. */
export const taskKind = defineKind({
  kind: "task",
  plural: "tasks",
  short: [],
  display: "Task",
  idPrefix: "tsk",
  summary: "A call of a model that waits until its llm can take it.",
  order: 0,
  writes: ["delete"],
  fields: Type.Object({}, { additionalProperties: false }),
  columns: [],
  example: { name: "tsk" },
});

/** The states in which a task stays. */
export const finalStates: readonly string[] = ["completed", "failed", "cancelled", "expired"];

const path = "/api/v1/inference-tasks";
const listed = {
  id: Id,
  type: Words,
  llm: Words,
  status: Words,
  user: nullable(Words),
  total: Type.Integer(),
  completed: Type.Integer(),
  failed: Type.Integer(),
  createdAt: Time,
  endedAt: nullable(Time),
  deadline: Time,
};
const TaskRow = Type.Object(listed);
const tasksAnswer = answerShape(Type.Array(TaskRow));
const TaskDetails = Type.Object({
  ...listed,
  dialect: Type.Optional(Words),
  priority: Type.Optional(Type.Integer()),
  attempts: Type.Optional(Type.Integer()),
  requestId: Type.Optional(nullable(Words)),
  httpStatus: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  startedAt: Type.Optional(nullable(Time)),
  answer: Type.Optional(Type.Unknown()),
});
const taskAnswer = answerShape(TaskDetails);

export type TaskRow = Static<typeof TaskRow>;
/** A task with its answer, or a batch. */
export type TaskDetails = Static<typeof TaskDetails>;

/** Returns the newest tasks and batches that the user may see. */
export function listTasks(client: ApiClient): Promise<TaskRow[]> {
  return client.call("GET", path, { query: { limit: "1000" }, answer: tasksAnswer });
}

/**
 * Reads one task or batch. Throws AppError `not_found`.
 *
 * @param seconds waits for its end
 */
export function readTask(
  client: ApiClient,
  id: string,
  seconds = 0,
  signal?: AbortSignal,
): Promise<TaskDetails> {
  const options = { query: { wait: `${seconds}s` }, answer: taskAnswer, ...(signal && { signal }) };
  return named(client.call("GET", taskPath(id), options), id);
}

/** Cancels a task or batch. One that has ended stays as it is. Throws AppError `not_found`. */
export function cancelTask(client: ApiClient, id: string): Promise<TaskDetails> {
  return named(client.call("DELETE", taskPath(id), { answer: taskAnswer }), id);
}

/** Makes a task of a request in the dialect of chat. Returns it as it is at the begin. */
export function createTask(client: ApiClient, llm: string, request: object) {
  const made = answerShape(Type.Object({ id: Id, status: Words }));
  return client.call("POST", path, { body: { llm, request }, answer: made });
}

/** Opens the stream of a task's answer. Throws AppError `not_found`. */
export function streamTask(client: ApiClient, id: string, isFollowing: boolean, signal: AbortSignal) {
  const query = isFollowing ? {} : { follow: "0" };
  return named(client.stream("GET", `${taskPath(id)}/stream`, { query, signal }), id);
}

/** Returns the text of an answer or an error in any dialect; undefined if it has none. */
export function answerText(answer: unknown): string | undefined {
  if (!isObject(answer)) return undefined;
  const { error, choices, content, output } = answer;
  if (isObject(error)) return typeof error["message"] === "string" ? error["message"] : undefined;
  const [choice] = Array.isArray(choices) ? choices : [];
  const told = textIn(choice?.message?.content) ?? textIn(content);
  if (told !== undefined || !Array.isArray(output)) return told;
  return textIn(output.flatMap((item) => (Array.isArray(item?.content) ? item.content : [])));
}

/** Returns the text of a content: a text itself, or parts with texts. */
function textIn(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part) => part?.text).filter((text) => typeof text === "string");
  return texts.length > 0 ? texts.join("") : undefined;
}

function taskPath(id: string): string {
  // `..` would lead elsewhere.
  if (!/^[a-z]+_[0-9a-z_]{1,80}$/.test(id)) throw notFound(id);
  return `${path}/${id}`;
}

async function named<T>(answer: Promise<T>, id: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof AppError && error.code === "not_found" ? notFound(id, error) : error;
  }
}

function notFound(id: string, cause?: AppError): AppError {
  return new AppError("not_found", `task "${id}" not found`, {
    hint: "to see all: mcpctl get tasks",
    ...(cause?.requestId !== undefined && { requestId: cause.requestId }),
  });
}
