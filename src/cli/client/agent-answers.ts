import { Type } from "@sinclair/typebox";
import type { AgentStatus, ProviderReport } from "../../wire/agent-control.ts";
import { Words } from "./answers.ts";
import { type Shape, shapeOf } from "./shape.ts";

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
export const providerReport = shapeOf(Report) as unknown as Shape<ProviderReport>;
export const providerReports = shapeOf(Type.Array(Report)) as unknown as Shape<ProviderReport[]>;
export const agentStatus = shapeOf(
  Type.Object({
    pid: Type.Integer(),
    server: Type.Optional(Words),
    transport: Type.Optional(orNull),
    endpoint: Type.Optional(orNull),
  }),
) as unknown as Shape<AgentStatus>;
