import { type Static, Type } from "@sinclair/typebox";
import { Time, Words } from "./answers.ts";
import { answerShape } from "./shape.ts";

export const LimitAnswer = Type.Object({
  kind: Words,
  name: Words,
  limit: Words,
  used: Type.Number(),
  reserved: Type.Number(),
  max: Type.Number(),
  resetsAt: Time,
});

/** A limit of `GET /api/v1/limits`, and the use that counts against it. */
export type LimitUse = Static<typeof LimitAnswer>;
export const limitsAnswer = answerShape(Type.Array(LimitAnswer));
