import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { findKind, kindWords } from "../../../kinds/index.ts";
import { didYouMean } from "../../../kinds/names.ts";
import { actions } from "../../../kinds/operations.ts";
import { heldRules } from "../../core/access/held-rules.ts";
import { decideCreate, decideOn, mayHold, rightFor } from "../../core/access/parts.ts";
import { decide, isVisible, mayRun, type Principal, type Verb } from "../../core/access/policy.ts";
import { userPrincipal } from "../../core/access/principals.ts";
import { resourceNamed } from "../../core/catalogue/hooks/grants.ts";
import { rowsNamed } from "../../core/store/rows-named.ts";
import type { Row } from "../../core/store/types.ts";
import { readBody } from "../body.ts";
import { listPieces, longResponse } from "../long-response.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The most bytes of a question: errors repeat its words. */
const questionBytes = 8 * 1024;

const Question = Type.Object(
  {
    verb: Type.String(),
    resource: Type.Optional(Type.String()),
    name: Type.Optional(Type.String()),
    action: Type.Optional(Type.String()),
    user: Type.Optional(Type.String({ description: "Ask about this user instead of the caller" })),
  },
  { additionalProperties: false },
);

const Rule = Type.Object({
  holder: Type.String({
    description: "The user or token that has it: a token may do what all its holders may",
  }),
  via: Type.String({ description: "The subject that it was given to: the user, a group, or the token" }),
  binding: Type.Union([Type.String(), Type.Null()], {
    description:
      "The rbac object that gives it; null for a token's own grants and for the built-in administrator",
  }),
  grant: Type.Record(Type.String(), Type.String()),
  isStale: Type.Boolean({ description: "True if it was given for an object that no longer exists" }),
});

/** Questions about rights: the caller's own, and those of users for those who may see users and bindings. */
export function rightsRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/auth/can-i",
      maxBodyBytes: questionBytes,
      access: "authenticated",
      summary: "Return whether the bearer, or a user, has a right",
      body: Question,
      response: Type.Object({ allowed: Type.Boolean() }),
      handle: async (call) =>
        Response.json({
          allowed: canI(server, call, await readBody(call, server.deadlines, Question)),
        }),
    },
    {
      method: "GET",
      path: "/api/v1/auth/rights",
      access: "authenticated",
      summary: "List the rules that give the bearer, or a user, its rights",
      query: { user: "The name of the user (default: the bearer)" },
      response: Type.Array(Rule),
      handle: (call) => {
        const user = call.query.get("user") ?? undefined;
        const rules = heldRules(server.catalogue.snapshot, asked(server, call, user));
        return longResponse(listPieces(rules, (rule) => rule));
      },
    },
  ];
}

/** Returns the principal that a question is about. Asking about another user needs view on it and on all bindings. */
function asked(
  { catalogue: { snapshot } }: Server,
  { principal }: Call,
  name: string | undefined,
): Principal {
  if (name === undefined || (principal.kind === "User" && name === principal.userName)) return principal;
  const user = snapshot.named("user", name);
  const maySee = [decide(principal, "view", "users", name, user), decide(principal, "view", "rbac")];
  if (maySee.includes("forbidden"))
    throw new AppError("forbidden", "you may not see the rights of others", {
      hint: "it needs the role view on users and on rbac",
    });
  const other = user && userPrincipal(snapshot, user.id);
  if (!other) throw new AppError("not_found", `user "${name}" not found`);
  return other;
}

const verbs: Readonly<Record<string, Verb>> = {
  view: "view",
  get: "view",
  list: "view",
  watch: "view",
  create: "create",
  update: "update",
  edit: "update",
  patch: "update",
  delete: "delete",
  run: "run",
  expose: "expose",
};

function canI(server: Server, call: Call, question: Record<string, string | undefined>): boolean {
  const { verb: word = "", resource, name, action, user } = question;
  const principal = asked(server, call, user);
  if (action !== undefined) {
    const known = actions.find((one) => one === action);
    if (!known) throw new AppError("invalid_request", `unknown action "${action}"`);
    return word === "run" && mayRun(principal, known);
  }
  const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (!verb)
    throw new AppError("invalid_request", `unknown verb "${word}"`, {
      hint: `known: ${Object.keys(verbs).join(", ")}`,
    });
  if (resource === undefined) throw new AppError("invalid_request", "resource is required");
  const kind = findKind(resource);
  const plural = kind?.plural ?? resourceNamed(resource);
  if (plural === undefined) {
    const hint = didYouMean(resource, kindWords()) ?? "to see all kinds: mcpctl explain";
    throw new AppError("invalid_request", `unknown kind "${resource}"`, { hint });
  }
  const { snapshot } = server.catalogue;
  if (name === undefined) {
    if (verb === "create" && kind && kind.partOf === undefined)
      return decideCreate(snapshot, principal, kind, undefined) === "allow";
    if (!kind) return mayHold(principal, { verb, resource: plural });
    // To see a part of what one may run is not to view it.
    const { callerFields: _, ...strict } = kind;
    return mayHold(principal, rightFor(strict, verb));
  }
  if (!kind) return decide(principal, verb, plural, name) === "allow";
  // A row that is hidden from the caller is not there, also for a question about another user.
  const isKnown = (row: Row) => principal === call.principal || isVisible(call.principal, plural, row);
  const row = rowsNamed(snapshot.table(kind.kind).sorted, name).find(isKnown);
  return decideOn(snapshot, principal, verb, kind, { name, scope: undefined, row }) === "allow";
}
