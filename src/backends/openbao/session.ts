import { AppError } from "../../errors.ts";
import type { OpenBaoAuth } from "../../kinds/secret-backends/openbao.ts";
import type { Bao } from "./http.ts";
import { badToken, type Credentials, type Login, logIn } from "./login.ts";
import type { Backend } from "./paths.ts";
import { leaseOf, lookUpSelf } from "./token.ts";

export interface SessionOptions extends Backend, Credentials {
  bao: Bao;
  auth: OpenBaoAuth | undefined;
  now(): number;
  random(): number;
  /** Runs something once, some milliseconds from now; returns how to call it off. */
  later(run: () => void, ms: number): () => void;
  onWarning(text: string): void;
}

/** The token in use: got when it is first needed, renewed in time, got anew when it is lost. */
export interface Session {
  /** Logs in when it has to, once for all who wait. Throws AppError. */
  token(): Promise<string>;
  /**
   * What a 403 to a request with a token means: "again" when there is another token to try with, "denied" when the
   * token is good and may not do this. Throws AppError when the token is bad and there is no other.
   */
  refused(token: string): Promise<"again" | "denied">;
  /** Whether the token is one that is not renewed any more. */
  ends(): boolean;
  forget(): void;
  close(): void;
}

interface Held extends Login {
  /** On the clock of `now`. */
  expiresAt: number;
  /** A new login is due after this, if there can be one. */
  spentAt: number;
}

/** How long a refusal is answered from memory, so that nobody is asked the same thing again and again. */
const refusalKept = 30_000;
/** A timer cannot be set for longer than 24.8 days, and renewing daily costs nothing. */
const longestRenewal = 24 * 60 * 60 * 1000;
const shortestRenewal = 1_000;

export function createSession(options: SessionOptions): Session {
  const { name, bao, auth, now, random, later, onWarning } = options;
  const backend: Backend = { name, config: options.config };
  /** A token that was given has no other after it; a login can be done again. */
  const isGiven = auth?.method === "token";
  let held: Promise<Held> | undefined;
  let current: Held | undefined;
  let refusal: { fault: AppError; until: number } | undefined;
  let checking: { token: string; verdict: Promise<"again" | "denied"> } | undefined;
  let callOff = () => {};
  let closed = false;

  function drop(): void {
    callOff();
    held = undefined;
    current = undefined;
  }

  function remember(fault: unknown): void {
    if (fault instanceof AppError && fault.code === "secret_unavailable")
      refusal = { fault, until: now() + refusalKept };
  }

  function start(): Promise<Held> {
    const starting: Promise<Held> = logIn(bao, backend, auth, options).then(
      (login) => {
        const started = hold(login);
        // Forgotten meanwhile: who waited for it may use it, and nobody else.
        if (held !== starting) return started;
        current = started;
        if (login.renewable && login.ttl > 0) renewIn(started, renewalDelay(login.ttl));
        return started;
      },
      (error) => {
        if (held === starting) {
          drop();
          remember(error);
        }
        throw error;
      },
    );
    return starting;
  }

  function hold(login: Login): Held {
    const ttl = login.ttl > 0 ? login.ttl * 1000 : Number.POSITIVE_INFINITY;
    const margin = Math.min(10_000, ttl / 10);
    return { ...login, expiresAt: now() + ttl, spentAt: now() + ttl - margin };
  }

  /** Two thirds of the TTL, and up to a tenth of that earlier, so that replicas do not come all at once. */
  function renewalDelay(ttl: number): number {
    return Math.min(longestRenewal, (ttl * 1000 * 2) / 3) * (1 - random() / 10);
  }

  function renewIn(login: Held, ms: number): void {
    if (!closed) callOff = later(() => void renew(login), Math.max(shortestRenewal, ms));
  }

  async function renew(login: Held): Promise<void> {
    const path = "auth/token/renew-self";
    const answer = await bao
      .request({ method: "POST", path, token: login.token, body: {} })
      .catch(() => undefined);
    if (current !== login) return;
    if (!answer) {
      const left = login.expiresAt - now();
      if (left > 0) renewIn(login, (left / 4) * (1 - random() / 10));
      return;
    }
    const lease = answer.status === 200 ? leaseOf(answer.body) : undefined;
    const renewed = lease && hold({ ...login, ttl: lease.ttl, renewable: lease.renewable });
    // At the end of its maximal TTL a renewal succeeds and gains nothing.
    const gained =
      renewed && renewed.ttl > 0 && renewed.expiresAt - login.expiresAt > Math.min(1_000, renewed.ttl * 100);
    if (gained) Object.assign(login, renewed);
    if (gained && login.renewable) return renewIn(login, renewalDelay(login.ttl));
    login.renewable = false;
    // One from a login is got anew when it is spent.
    if (isGiven) onWarning(`secret backend "${name}": its token cannot be renewed any more`);
  }

  async function token(): Promise<string> {
    if (refusal && now() < refusal.until) throw refusal.fault;
    refusal = undefined;
    if (!isGiven && current && now() >= current.spentAt) drop();
    held ??= start();
    return (await held).token;
  }

  async function judge(tried: string): Promise<"again" | "denied"> {
    if (await lookUpSelf(bao, backend, tried)) return "denied";
    if (current?.token !== tried) return "again";
    drop();
    if (!isGiven) return "again";
    const other = (await options.credential()).trim();
    if (other !== tried) return "again";
    const fault = badToken(name, " any more");
    remember(fault);
    throw fault;
  }

  return {
    token,
    async refused(tried) {
      if (current && current.token !== tried) return "again";
      if (checking?.token === tried) return checking.verdict;
      const verdict = judge(tried).finally(() => {
        if (checking?.verdict === verdict) checking = undefined;
      });
      checking = { token: tried, verdict };
      return verdict;
    },
    ends: () => isGiven && current !== undefined && !current.renewable && current.ttl > 0,
    forget() {
      refusal = undefined;
      drop();
    },
    close() {
      closed = true;
      drop();
    },
  };
}
