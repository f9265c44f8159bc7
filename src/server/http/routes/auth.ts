import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { token } from "../../../kinds/token.ts";
import { bearerHash, mintBearer } from "../../core/access/bearer.ts";
import { isAdministrator, nobody, type Principal } from "../../core/access/policy.ts";
import { impersonating, userPrincipal } from "../../core/access/principals.ts";
import { eventBy } from "../../core/caller.ts";
import { newId } from "../../core/ids.ts";
import { isOf } from "../../core/store/typed-rows.ts";
import type { AuditEvent, Row, Session, Write } from "../../core/store/types.ts";
import { readBody } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { limitsOf } from "./limits.ts";

const sessionMilliseconds = 30 * 24 * 60 * 60 * 1000;
/** The longest time for which somebody acts as another user. */
const impersonationMilliseconds = 60 * 60 * 1000;

const Login = Type.Object({ user: Type.String(), password: Type.String() }, { additionalProperties: false });
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
      handle: (call) => login(server, call),
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
        return new Response(null, { status: 204 });
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
      summary: "Set the caller's own password, and end the caller's other sessions",
      body: NewPassword,
      handle: (call) => passwd(server, call),
    },
  ];
}

async function login(server: Server, call: Call): Promise<Response> {
  const address = call.peer === "tcp" ? [`address ${server.addressOf(call.request)}`] : [];
  // Before the body is read, so that refused addresses cost little.
  mustWait(server.throttle.wait(...address));
  const { user: name, password } = await readBody(call, server.deadlines, Login);
  const keys = [`user ${name.slice(0, 100)}`, ...address];
  mustWait(server.throttle.attempt(...keys));
  const { snapshot } = server.catalogue;
  const user = snapshot.named("user", name);
  const hash = user ? await server.catalogue.store.passwordHash(user.id) : null;
  if (!(await server.passwords.verify(password, hash)) || !user) {
    await server.audit.record(event(server, call, "login_failed", user?.id ?? null, 401));
    throw new AppError("unauthenticated", "wrong user or password");
  }
  server.throttle.forgive(...keys);
  const holder = userPrincipal(snapshot, user.id) ?? nobody;
  return openSession(server, {
    user,
    holder,
    by: { impersonatorId: null, impersonatorSessionId: null },
    milliseconds: sessionMilliseconds,
    event: event(server, call, "login", user.id, 200),
  });
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
  return openSession(server, {
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
}

interface NewSession {
  user: Row;
  /** The principal whose quota of sessions it counts on. */
  holder: Principal;
  by: Pick<Session, "impersonatorId" | "impersonatorSessionId">;
  /** From now to its end. */
  milliseconds: number;
  /** The audit event of its begin. */
  event: AuditEvent;
}

/** Begins a session and returns its bearer. Throws AppError `too_many_requests` if the holder has too many. */
async function openSession(
  server: Server,
  { user, holder, by, milliseconds, event }: NewSession,
): Promise<Response> {
  const { catalogue, quotas, random } = server;
  const now = server.now();
  const { snapshot } = catalogue;
  const isOfHolder = ({ userId, impersonatorId }: Session) => {
    const responsible = snapshot.byId.get(impersonatorId ?? userId);
    return (isOf(token, responsible) ? responsible.owner : responsible?.id) === holder.userId;
  };
  const own = [...snapshot.sessions.values()].filter((one) => one.expiresAt > now && isOfHolder(one));
  const release = quotas.reserve(snapshot, holder, "sessions", own.length);
  const bearer = mintBearer("ses", random);
  const expiresAt = now + milliseconds;
  const session = {
    id: newId("ses", now, random),
    hash: bearerHash(bearer),
    userId: user.id,
    createdAt: now,
    expiresAt,
    ...by,
  };
  const writes: Write[] = [
    { op: "insertSession", session },
    { op: "audit", event },
  ];
  await catalogue.commit(writes).finally(release);
  return Response.json(
    { token: bearer, expiresAt: new Date(expiresAt).toISOString() },
    { headers: { "cache-control": "no-store" } },
  );
}

function mustWait(seconds: number): void {
  if (seconds > 0)
    throw new AppError("too_many_requests", "too many failed logins; try again later", {
      retryAfter: seconds,
    });
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
  await server.catalogue.commit([
    { op: "setPassword", userId, hash: await server.passwords.hash(password) },
    { op: "deleteSessionsOf", userId, ...(sessionId !== undefined && { exceptId: sessionId }) },
    { op: "audit", event: event(server, call, "passwd", userId, 204) },
  ]);
  return new Response(null, { status: 204 });
}

function event(
  server: Server,
  call: Call,
  action: string,
  userId: string | null,
  status: number,
): AuditEvent {
  return { at: server.now(), action, requestId: call.requestId, userId, tokenId: null, status };
}
