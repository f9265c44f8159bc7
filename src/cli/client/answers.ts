import { type TSchema, Type } from "@sinclair/typebox";
import type { KindInfo, Resource } from "../../kinds/define.ts";
import { findKind } from "../../kinds/index.ts";
import { namePattern } from "../../kinds/names.ts";
import { type AnswerShape, answerShape, listCheck, objectShape } from "./shape.ts";

/** A name, which may become a part of a path, of a file's name or of a command line. */
export const Name = Type.String({ pattern: namePattern, title: "name" });
export const Id = Type.String({ pattern: "^[A-Za-z0-9_-]{1,100}$", title: "id" });
/** A few words. They may hold anything, and whoever prints them escapes them. */
export const Words = Type.String({ maxLength: 2_000 });
export const Time = Type.String({
  pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?([Zz]|[+-]\\d\\d:\\d\\d)$",
  title: "time",
});
/** Any answer, for calls whose answer is not read. */
export const anything = answerShape(Type.Unknown());

const Common = {
  id: Id,
  name: Name,
  createdAt: Type.Optional(Time),
  updatedAt: Type.Optional(Time),
};
/** The fields by which an object is known. A watch tells no more of one that was deleted. */
export const objectKey = answerShape(Type.Object(Common));
const Versioned = Type.Object({ ...Common, version: Type.Integer() });
const shapes = new WeakMap<KindInfo, AnswerShape<Resource>>();

/** One object of a kind. Of a kind that is known here, its known fields have the types of the descriptor. */
export function objectOf(kind: KindInfo): AnswerShape<Resource> {
  const own = findKind(kind.kind);
  // A descriptor of the server is not followed into its schemas.
  if (own !== kind) return objectKey as AnswerShape<Resource>;
  const shape =
    shapes.get(kind) ?? (objectShape(Versioned, [own.fields, own.readOnly]) as AnswerShape<Resource>);
  shapes.set(kind, shape);
  return shape;
}

/** A list of objects of a kind. */
export function listOf(kind: KindInfo): AnswerShape<Resource[]> {
  return { faultIn: listCheck(objectOf(kind).faultIn) };
}

/** The check of an object with these fields. */
export function fieldsOf<P extends Record<string, TSchema>>(properties: P) {
  return answerShape(Type.Object(properties));
}
