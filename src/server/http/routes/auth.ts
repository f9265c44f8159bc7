import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { clientGrant } from "../../../kinds/client-grant.ts";
import { bearerOf } from "../../core/access/bearer.ts";
import { isAdministrator } from "../../core/access/policy.ts";
import { impersonating } from "../../core/access/principals.ts";
import { standing } from "../../core/access/standing.ts";
import { eventBy } from "../../core/caller.ts";
import { endGrants } from "../../core/catalogue/hooks/client-grant.ts";
import { retryingStale } from "../../core/catalogue/retrying-stale.ts";
import { StoreError, type Write } from "../../core/store/types.ts";
import { readBody } from "../body.ts";
import {
  addressKeys,
  type BegunSession,
  Login,
  loginEvent,
  mustWait,
  openSession,
  passwordLogin,
} from "../login-session.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { forgetPage } from "../web/page-session.ts";
import { limitsOf } from "./limits.ts";

/** The longest time for which somebody acts as another user. */
const impersonationMilliseconds = 60 * 60 * 1000;

const NewPassword = Type.Object(
  { current: Type.Optional(Type.String()), password: Type.String({ minLength: 8, maxLength: 1024 }) },
  { additionalProperties: false },
);
const Impersonation = Type.Object({ user: Type.String() }, { additionalProperties: false });
/** Login, logout, and the caller's own identity. */
export function authRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/auth/login",
      access: "public",
      summary: "Log in with a password",
      body: Login,
      response: Type.Object({ token: Type.String(), expiresAt: Type.String() }),
      async handle(call) {
        // Before the body is read, so that refused addresses cost little.
        mustWait(server.throttle.wait(...addressKeys(server, call)));
        const login = await readBody(call, server.deadlines, Login);
        return sessionResponse(await openSession(server, await passwordLogin(server, call, login)));
      },
    },
    {
      method: "POST",
      path: "/api/v1/auth/logout",
      access: "authenticated",
      summary: "End the login session of the bearer",
      handle: async (call) => {
        const { sessionId } = call.principal;
        if (sessionId === undefined) {
          throw new AppError("invalid_request", "the bearer is not a login session", {
            hint: "to end a token, delete it",
          });
        }
        await server.catalogue.commit([
          { op: "deleteSession", id: sessionId },
          { op: "audit", event: eventBy(call, { at: server.now(), action: "logout", status: 204 }) },
        ]);
        return new Response(null, { status: 204, headers: forgetPage(call.request, server.publicUrls) });
      },
    },
    {
      method: "POST",
      path: "/api/v1/auth/impersonate",
      access: { action: "impersonate" },
      summary: "Begin to act as another user, with the rights that both have",
      body: Impersonation,
      response: Type.Object({ token: Type.String(), expiresAt: Type.String() }),
      handle: (call) => impersonate(server, call),
    },
    {
      method: "GET",
      path: "/api/v1/auth/whoami",
      access: "authenticated",
      summary: "Return the user or token of the bearer",
      handle: ({ principal }) => {
        const limits = limitsOf(server, principal);
        return Response.json({
          kind: principal.kind,
          user: principal.userName,
          ...(principal.kind === "Token" && { token: principal.name }),
          ...(principal.impersonator && { impersonator: principal.impersonator.name }),
          groups: principal.groups,
          admin: isAdministrator(principal),
          ...(principal.expiresAt !== undefined && {
            expiresAt: new Date(principal.expiresAt).toISOString(),
          }),
          ...(limits.length > 0 && { limits }),
        });
      },
    },
    {
      method: "POST",
      path: "/api/v1/auth/passwd",
      access: "authenticated",
      summary:
        "Set the caller's own password, and end the caller's other sessions and the access of MCP clients",
      body: NewPassword,
      handle: (call) => passwd(server, call),
    },
  ];
}

/** The response to a login: the bearer, which is shown this once. */
function sessionResponse({ bytes, expiresAt }: BegunSession): Response {
  return Response.json(
    { token: bearerOf("ses", bytes), expiresAt: new Date(expiresAt).toISOString() },
    { headers: { "cache-control": "no-store" } },
  );
}

/** Begins a session as another user. It ends with the bearer that began it. */
async function impersonate(server: Server, call: Call): Promise<Response> {
  const { principal } = call;
  const { user: name } = await readBody(call, server.deadlines, Impersonation);
  const { snapshot } = server.catalogue;
  const { sessionId = null, id, expiresAt = Number.POSITIVE_INFINITY } = principal;
  const now = server.now();
  if (principal.impersonator || !impersonating(snapshot, { id, sessionId }, now))
    throw new AppError(
      "forbidden",
      principal.impersonator
        ? "you act as another user already"
        : "users with limits may not act as others: the calls would count on them",
    );
  const user = snapshot.named("user", name);
  if (!user) throw new AppError("not_found", `user "${name}" not found`);
  if (user.id === principal.userId) throw new AppError("invalid_request", `you are ${name}`);
  const session = await openSession(server, {
    user,
    holder: principal,
    by: { impersonatorId: id, impersonatorSessionId: sessionId },
    milliseconds: Math.min(impersonationMilliseconds, expiresAt - now),
    event: eventBy(call, {
      at: now,
      action: "impersonate",
      status: 200,
      detail: { kind: "user", name, id: user.id },
    }),
  });
  return sessionResponse(session);
}

/** Sets a password. The current one is needed if there is one, except over the Unix socket. */
async function passwd(server: Server, call: Call): Promise<Response> {
  const { principal } = call;
  if (principal.kind === "Token")
    throw new AppError("forbidden", "a token may not change the password of its user");
  if (principal.impersonator)
    throw new AppError("forbidden", "the password of a user cannot be set while acting as that user");
  const { current, password } = await readBody(call, server.deadlines, NewPassword);
  const hash = await server.catalogue.store.passwordHash(principal.userId);
  if (hash !== null && call.peer === "tcp") {
    const key = `user ${principal.userName}`;
    const wait = server.throttle.attempt(key);
    if (wait > 0) throw new AppError("too_many_requests", "too many wrong passwords", { retryAfter: wait });
    if (!(await server.passwords.verify(current ?? "", hash)))
      throw new AppError("forbidden", "the current password is wrong");
    server.throttle.forgive(key);
  }
  const { userId, sessionId } = principal;
  const newHash = await server.passwords.hash(password);
  const writes = (): Write[] => {
    const { snapshot } = server.catalogue;
    return [
      // Whoever knows an old password, or has a login that has ended, sets none (T340).
      ...(call.peer === "tcp" ? [{ op: "ifPassword" as const, userId, hash }] : []),
      ...standing(principal),
      { op: "ifUnchanged", kind: clientGrant.kind, since: snapshot.revision },
      { op: "setPassword", userId, hash: newHash },
      { op: "deleteSessionsOf", userId, ...(sessionId !== undefined && { exceptId: sessionId }) },
      ...endGrants(snapshot, { userId }),
      { op: "audit", event: loginEvent(server, call, "passwd", userId, 204) },
    ];
  };
  try {
    // A client that renews its tokens at the same moment makes the end of its grant stale.
    await retryingStale(server.catalogue, writes);
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.refusal !== "stale") throw cause;
    throw new AppError("conflict", "the password was changed in the meantime", {
      hint: "log in with the new one",
      cause,
    });
  }
  return new Response(null, { status: 204 });
}
