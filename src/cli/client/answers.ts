import { type Static, type TSchema, Type } from "@sinclair/typebox";
import type { KindInfo, Resource } from "../../kinds/define.ts";
import { findKind } from "../../kinds/index.ts";
import { namePattern } from "../../kinds/names.ts";
import { type AnswerShape, answerShape, typeFaultIn } from "./shape.ts";

/** A name, which may become a part of a path, of a file's name or of a command line. */
export const Name = Type.String({ pattern: namePattern, title: "name" });
export const Id = Type.String({ pattern: "^[A-Za-z0-9_-]{1,100}$", title: "id" });
/** A few words. They may hold anything, and whoever prints them escapes them. */
export const Words = Type.String({ maxLength: 2_000 });
export const Time = Type.String({
  pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?([Zz]|[+-]\\d\\d:\\d\\d)$",
  title: "time",
});
/** A bearer token: one word that fits into a header and into a line of a file. */
export const Bearer = Type.String({ pattern: "^[!-~]{1,4096}$", title: "token" });

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
const versioned = answerShape(Type.Object({ ...Common, version: Type.Integer() }));

/** One object of a kind. Of a kind that is known here, its known fields have the types of the descriptor. */
export function objectOf(kind: KindInfo): AnswerShape<Resource> {
  const own = findKind(kind.kind);
  // A descriptor of the server is not followed into its schemas.
  if (own !== kind) return objectKey as AnswerShape<Resource>;
  return {
    faultIn: (value) =>
      versioned.faultIn(value) ??
      [own.fields, own.readOnly]
        .map((schema) => typeFaultIn(schema, value, ""))
        .find((fault) => fault !== undefined),
  };
}

/** A list of objects of a kind. */
export function listOf(kind: KindInfo): AnswerShape<Resource[]> {
  return eachOf(objectOf(kind));
}

function eachOf<T>(shape: AnswerShape<T>): AnswerShape<T[]> {
  return {
    faultIn(value) {
      if (!Array.isArray(value)) return " is not a list";
      for (const [index, element] of value.entries()) {
        const fault = shape.faultIn(element);
        if (fault !== undefined) return `/${index}${fault}`;
      }
      return undefined;
    },
  };
}

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
  columns: Type.Array(ShownColumn),
});

/** The kinds of the server, which may be newer than this program. */
export const kindInfos: AnswerShape<KindInfo[]> = answerShape(
  Type.Array(Descriptor),
) as unknown as AnswerShape<KindInfo[]>;

const VersionAnswer = Type.Object({ version: Words, commit: Words, date: Words, bun: Words });
export const versionAnswer = answerShape(VersionAnswer);

const IdentityAnswer = Type.Object({
  kind: Type.Union([Type.Literal("User"), Type.Literal("Token")]),
  user: Words,
  token: Type.Optional(Words),
  groups: Type.Array(Words),
  admin: Type.Boolean(),
  expiresAt: Type.Optional(Type.Union([Time, Type.Null()])),
});
/** The response of `GET /api/v1/auth/whoami`. */
export type Identity = Static<typeof IdentityAnswer>;
export const identityAnswer = answerShape(IdentityAnswer);

export const loginAnswer = answerShape(Type.Object({ token: Bearer }));
export const permissionAnswer = answerShape(Type.Object({ allowed: Type.Boolean() }));

/** The check of an object with these fields. */
export function fieldsOf<P extends Record<string, TSchema>>(properties: P) {
  return answerShape(Type.Object(properties));
}
