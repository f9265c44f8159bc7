import { Type } from "@sinclair/typebox";
import type { KindInfo } from "../../kinds/define.ts";
import { Words } from "./answers.ts";
import { type AnswerShape, answerShape } from "./shape.ts";

/** A word that stands in a path and on a command line: `llm`, `rbac-binding`. */
const KindWord = Type.String({ pattern: "^[a-z][a-z0-9-]{0,60}$", title: "name of a kind" });
const FieldName = Type.String({ maxLength: 100 });
const Fields = Type.Object({ properties: Type.Record(Type.String(), Type.Object({})) });
const ShownColumn = Type.Object({
  header: Type.String({ maxLength: 60 }),
  path: Type.Optional(FieldName),
  template: Type.Optional(Words),
  each: Type.Optional(Words),
});

const Descriptor = Type.Object({
  kind: KindWord,
  plural: KindWord,
  short: Type.Array(KindWord),
  display: Type.String({ maxLength: 60 }),
  fields: Fields,
  readOnly: Fields,
  writeOnly: Type.Array(FieldName),
  writes: Type.Optional(Type.Array(FieldName)),
  exported: Type.Optional(Type.Array(FieldName)),
  volatile: Type.Optional(Type.Array(FieldName)),
  immutable: Type.Optional(Type.Array(FieldName)),
  scopedBy: Type.Optional(FieldName),
  orScopedBy: Type.Optional(FieldName),
  columns: Type.Array(ShownColumn),
});

/** The kinds of the server, which may be newer than this program. */
export const kindInfos: AnswerShape<KindInfo[]> = answerShape(
  Type.Array(Descriptor),
) as unknown as AnswerShape<KindInfo[]>;
