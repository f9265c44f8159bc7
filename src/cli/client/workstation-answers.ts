import { type Static, Type } from "@sinclair/typebox";
import { nullable } from "../../kinds/define.ts";
import { Name, Time, Words } from "./answers.ts";
import { answerShape } from "./shape.ts";

const WorkstationAnswer = Type.Object({
  name: nullable(Words),
  user: nullable(Words),
  state: Type.Union([Type.Literal("connected"), Type.Literal("away")]),
  connectedSince: nullable(Time),
  lastSeenAt: nullable(Time),
  version: nullable(Words),
  publishes: Type.Array(Type.Object({ kind: Words, name: Name, status: nullable(Words) })),
});

/** A workstation as the server lists it. */
export type ListedWorkstation = Static<typeof WorkstationAnswer>;
/** The response of `GET /api/v1/workstations`. */
export const workstationsAnswer = answerShape(Type.Array(WorkstationAnswer));
