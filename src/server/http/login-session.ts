import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { token } from "../../kinds/token.ts";
import { bearerBytes, bearerHash, bearerOf } from "../core/access/bearer.ts";
import { nobody, type Principal } from "../core/access/policy.ts";
import { userPrincipal } from "../core/access/principals.ts";
import { standing } from "../core/access/standing.ts";
import { newId } from "../core/ids.ts";
import { isOf } from "../core/store/typed-rows.ts";
import { type AuditEvent, type Row, type Session, StoreError, type Write } from "../core/store/types.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

const sessionMilliseconds = 30 * 24 * 60 * 60 * 1000;

/** The body of a login with a password. */
export const Login = Type.Object(
  { user: Type.String(), password: Type.String() },
  { additionalProperties: false },
);

interface NewSession {
  user: Row;
  /** The principal whose quota of sessions it counts on. */
  holder: Principal;
  by: Pick<Session, "impersonatorId" | "impersonatorSessionId">;
  /** From now to its end. */
  milliseconds: number;
  /** The audit event of its begin. */
  event: AuditEvent;
  /** The hash of the password that was checked: the session does not begin if the user has another one by then. */
  passwordHash?: string | null;
}

/** A session that has begun. Its bearer is shown to nobody else, and is not stored. */
export interface BegunSession {
  /** The random bytes of its bearer. */
  bytes: Uint8Array;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/**
 * Checks a user and a password. Failures count on the user and on the address, and both have to wait after too many.
 *
 * @throws AppError `unauthenticated`, or `too_many_requests` with the time to wait
 */
export async function passwordLogin(
  server: Server,
  call: Call,
  { user: name, password }: Static<typeof Login>,
): Promise<NewSession> {
  const address = addressKeys(server, call);
  const keys = [`user ${name.slice(0, 100)}`, ...address];
  mustWait(server.throttle.attempt(...keys));
  const { snapshot } = server.catalogue;
  const user = snapshot.named("user", name);
  const hash = user ? await server.catalogue.store.passwordHash(user.id) : null;
  if (!(await server.passwords.verify(password, hash)) || !user) {
    await server.audit.record(loginEvent(server, call, "login_failed", user?.id ?? null, 401));
    throw wrongPassword();
  }
  server.throttle.forgive(...keys);
  return { ...ownSession(server, call, user), passwordHash: hash };
}

/** The keys under which failed logins of a caller count; none on the Unix socket. */
export function addressKeys(server: Server, { peer, request }: Call): string[] {
  return peer === "tcp" ? [`address ${server.addressOf(request)}`] : [];
}

/** The session of a user who has proved who it is. */
export function ownSession(server: Server, call: Call, user: Row): NewSession {
  return {
    user,
    holder: userPrincipal(server.catalogue.snapshot, user.id) ?? nobody,
    by: { impersonatorId: null, impersonatorSessionId: null },
    milliseconds: sessionMilliseconds,
    event: loginEvent(server, call, "login", user.id, 200),
  };
}

/**
 * Begins a session.
 *
 * @throws AppError `too_many_requests` if the holder has too many; `unauthenticated` if the password that was checked is no
 *   longer that of the user: a change of it ends all sessions, also those that are about to begin (T340)
 */
export async function openSession(
  server: Server,
  { user, holder, by, milliseconds, event, passwordHash }: NewSession,
): Promise<BegunSession> {
  const { catalogue, quotas, random } = server;
  const now = server.now();
  const { snapshot } = catalogue;
  const isOfHolder = ({ userId, impersonatorId }: Session) => {
    const responsible = snapshot.byId.get(impersonatorId ?? userId);
    return (isOf(token, responsible) ? responsible.owner : responsible?.id) === holder.userId;
  };
  const own = [...snapshot.sessions.values()].filter((one) => one.expiresAt > now && isOfHolder(one));
  const release = quotas.reserve(snapshot, holder, "sessions", own.length);
  const bytes = random(new Uint8Array(bearerBytes));
  const expiresAt = now + milliseconds;
  const session = {
    id: newId("ses", now, random),
    hash: bearerHash(bearerOf("ses", bytes)),
    userId: user.id,
    createdAt: now,
    expiresAt,
    ...by,
  };
  const writes: Write[] = [
    ...standing(holder),
    ...(passwordHash === undefined
      ? []
      : [{ op: "ifPassword" as const, userId: user.id, hash: passwordHash }]),
    { op: "insertSession", session },
    { op: "audit", event },
  ];
  try {
    await catalogue.commit(writes);
  } catch (error) {
    if (!(error instanceof StoreError) || error.refusal !== "stale") throw error;
    await server.audit.record({ ...event, action: "login_failed", status: 401 });
    throw wrongPassword();
  } finally {
    release();
  }
  return { bytes, expiresAt };
}

function wrongPassword(): AppError {
  return new AppError("unauthenticated", "wrong user or password");
}

/** Throws AppError `too_many_requests` if there are seconds to wait. */
export function mustWait(seconds: number): void {
  if (seconds > 0)
    throw new AppError("too_many_requests", "too many failed logins; try again later", {
      retryAfter: seconds,
    });
}

/** The audit event of a login, or of what somebody does with a password. */
export function loginEvent(
  server: Server,
  call: Call,
  action: string,
  userId: string | null,
  status: number,
): AuditEvent {
  return { at: server.now(), action, requestId: call.requestId, userId, tokenId: null, status };
}
