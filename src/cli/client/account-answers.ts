import { type Static, Type } from "@sinclair/typebox";
import { nullable } from "../../kinds/define.ts";
import { Time, Words } from "./answers.ts";
import { LimitAnswer } from "./limit-answers.ts";
import { answerShape } from "./shape.ts";

/** A bearer token: one word that fits into a header and into a line of a file. */
export const Bearer = Type.String({ pattern: "^[!-~]{1,4096}$", title: "token" });

const VersionAnswer = Type.Object({
  version: Words,
  commit: Words,
  date: Words,
  bun: Words,
  /** The addresses under which programs reach the server. */
  urls: Type.Optional(Type.Array(Words)),
});
export const versionAnswer = answerShape(VersionAnswer);

const Count = Type.Integer();
const UseAnswer = Type.Object({
  database: Type.Object({
    kind: Type.Optional(Words),
    bytes: Type.Optional(Count),
    logBytes: Type.Optional(Count),
    freeBytes: Type.Optional(Count),
  }),
  /** The names of the servers on the database, if several can share it. */
  replicas: Type.Optional(Type.Array(Words)),
  connections: Type.Optional(
    Type.Object({
      open: Count,
      closed: Type.Object({ address: Count, descriptors: Count, vanished: Count }),
    }),
  ),
  /** The backups that the server makes by itself. */
  backups: Type.Optional(
    Type.Object({
      lastAt: nullable(Time),
      name: nullable(Words),
      failedAt: nullable(Time),
      reason: nullable(Words),
      nextAt: nullable(Time),
    }),
  ),
  /** The server's own certificate, if it speaks TLS itself. */
  certificate: Type.Optional(
    Type.Object({
      names: Type.Array(Words),
      issuer: Words,
      validFrom: Time,
      expiresAt: Time,
      isEnding: Type.Boolean(),
      failedAt: nullable(Time),
      reason: nullable(Words),
    }),
  ),
});
/** The response of `GET /api/v1/status`. */
export type ServerUse = Static<typeof UseAnswer>;
export const useAnswer = answerShape(UseAnswer);

const IdentityAnswer = Type.Object({
  kind: Type.Union([Type.Literal("User"), Type.Literal("Token")]),
  user: Words,
  token: Type.Optional(Words),
  /** The user or token that acts as the user. */
  impersonator: Type.Optional(Words),
  groups: Type.Array(Words),
  admin: Type.Boolean(),
  expiresAt: Type.Optional(Type.Union([Time, Type.Null()])),
  /** The limits that apply, with the use that counts against them. */
  limits: Type.Optional(Type.Array(LimitAnswer)),
});
/** The response of `GET /api/v1/auth/whoami`. */
export type Identity = Static<typeof IdentityAnswer>;
export const identityAnswer = answerShape(IdentityAnswer);

export const loginAnswer = answerShape(Type.Object({ token: Bearer }));
export const impersonationAnswer = answerShape(Type.Object({ token: Bearer }));
export const permissionAnswer = answerShape(Type.Object({ allowed: Type.Boolean() }));

const some = Type.Optional(Words);
const RuleAnswer = Type.Object({
  holder: Words,
  via: Words,
  binding: Type.Union([Words, Type.Null()]),
  grant: Type.Object({ role: Words, resource: some, name: some, action: some }),
  isStale: Type.Boolean(),
});
/** A rule of `GET /api/v1/auth/rights`: a grant, and the reason why it holds. */
export type RuleAnswer = Static<typeof RuleAnswer>;
export const rightsAnswer = answerShape(Type.Array(RuleAnswer));
