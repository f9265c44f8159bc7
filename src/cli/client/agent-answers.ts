import { Type } from "@sinclair/typebox";
import type { AgentStatus, ProviderReport } from "../../wire/agent-control.ts";
import { Words } from "./answers.ts";
import { type AnswerShape, answerShape } from "./shape.ts";

const orNull = Type.Union([Words, Type.Null()]);

const Report = Type.Object({
  name: Words,
  type: Words,
  model: Words,
  state: Words,
  detail: orNull,
  publishedAs: orNull,
  failoverFor: orNull,
  inFlight: Type.Integer(),
  resident: Type.Union([Type.Boolean(), Type.Null()]),
  pid: Type.Union([Type.Integer(), Type.Null()]),
});

/** Answers of the agent of this machine. */
export const providerReport = answerShape(Report) as unknown as AnswerShape<ProviderReport>;
export const providerReports = answerShape(Type.Array(Report)) as unknown as AnswerShape<ProviderReport[]>;
export const agentStatus = answerShape(
  Type.Object({
    pid: Type.Integer(),
    server: Type.Optional(Words),
    transport: Type.Optional(orNull),
    endpoint: Type.Optional(orNull),
    published: Type.Optional(Type.Array(Words)),
    refused: Type.Optional(Type.Record(Type.String(), Words)),
  }),
) as unknown as AnswerShape<AgentStatus>;
