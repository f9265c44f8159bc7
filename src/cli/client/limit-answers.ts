import { Type } from "@sinclair/typebox";
import { Time, Words } from "./answers.ts";
import { answerShape } from "./shape.ts";

/** A limit, and the use that counts against it. */
export const LimitAnswer = Type.Object({
  kind: Words,
  name: Words,
  limit: Words,
  used: Type.Number(),
  reserved: Type.Number(),
  max: Type.Number(),
  resetsAt: Time,
});

/** The limits of `GET /api/v1/limits`, each with the use that counts against it. */
export const limitsAnswer = answerShape(Type.Array(LimitAnswer));
