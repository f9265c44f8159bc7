import { AppError } from "../../errors.ts";
import type { OpenBaoAuth } from "../../kinds/secret-backends/openbao.ts";
import type { Bao } from "./http.ts";
import { badToken, type Credentials, type Login, logIn } from "./login.ts";
import type { BaoBackend } from "./paths.ts";
import { leaseOf, lookUpSelf } from "./token.ts";

export interface BaoSessionOptions extends BaoBackend, Credentials {
  bao: Bao;
  auth: OpenBaoAuth | undefined;
  now(): number;
  random(): number;
  /** Runs a function once, after some milliseconds. Returns a function that cancels it. */
  schedule(run: () => void, ms: number): () => void;
  onWarning(text: string): void;
}

/** The token in use. It is obtained when it is first needed, renewed in time, and obtained again when it is lost. */
export interface BaoSession {
  /** Returns the token. Logs in if necessary, once for all who wait. Throws AppError. */
  token(): Promise<string>;
  /**
   * Finds out what a 403 to a request with a token means: "again" if there is another token to try, "denied" if the
   * token is valid and may not do this. Throws AppError if the token is invalid and there is no other.
   */
  refused(token: string): Promise<"again" | "denied">;
  /** True if the token expires and is not renewed any more. */
  ends(): boolean;
  /** Drops the token: the next request logs in again. */
  forget(): void;
  close(): void;
}

interface ActiveLogin extends Login {
  /** On the clock of `now`. */
  expiresAt: number;
  /** A new login is due after this, where the method permits one. */
  spentAt: number;
}

/** Time for which a refused login is not tried again, in milliseconds. */
const refusalKept = 30_000;
/** A timer cannot be set for longer than 24.8 days, and renewing daily costs nothing. */
const longestRenewal = 24 * 60 * 60 * 1000;
const shortestRenewal = 1_000;

export function createSession(options: BaoSessionOptions): BaoSession {
  const { name, bao, auth, now, random, schedule, onWarning } = options;
  const backend: BaoBackend = { name, config: options.config };
  /** True for a token from the config, which has no successor; the other methods can log in again. */
  const isGiven = auth?.method === "token";
  let held: Promise<ActiveLogin> | undefined;
  let current: ActiveLogin | undefined;
  let refusal: { fault: AppError; until: number } | undefined;
  let checking: { token: string; verdict: Promise<"again" | "denied"> } | undefined;
  let cancelRenewal = () => {};
  let closed = false;

  function drop(): void {
    cancelRenewal();
    held = undefined;
    current = undefined;
  }

  function remember(fault: unknown): void {
    if (fault instanceof AppError && fault.code === "secret_unavailable")
      refusal = { fault, until: now() + refusalKept };
  }

  function start(): Promise<ActiveLogin> {
    const starting: Promise<ActiveLogin> = logIn(bao, backend, auth, options).then(
      (login) => {
        const started = hold(login);
        // Forgotten in the meantime: only those who waited for it may use it.
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

  function hold(login: Login): ActiveLogin {
    const ttl = login.ttl > 0 ? login.ttl * 1000 : Number.POSITIVE_INFINITY;
    const margin = Math.min(10_000, ttl / 10);
    return { ...login, expiresAt: now() + ttl, spentAt: now() + ttl - margin };
  }

  /** Returns two thirds of the TTL, less up to a tenth of that, so that replicas do not renew all at once. */
  function renewalDelay(ttl: number): number {
    return Math.min(longestRenewal, (ttl * 1000 * 2) / 3) * (1 - random() / 10);
  }

  function renewIn(login: ActiveLogin, ms: number): void {
    if (!closed) cancelRenewal = schedule(() => void renew(login), Math.max(shortestRenewal, ms));
  }

  async function renew(login: ActiveLogin): Promise<void> {
    const path = "auth/token/renew-self";
    const response = await bao
      .request({ method: "POST", path, token: login.token, body: {} })
      .catch(() => undefined);
    if (current !== login) return;
    if (!response) {
      const left = login.expiresAt - now();
      if (left > 0) renewIn(login, (left / 4) * (1 - random() / 10));
      return;
    }
    const lease = response.status === 200 ? leaseOf(response.body) : undefined;
    const renewed = lease && hold({ ...login, ttl: lease.ttl, renewable: lease.renewable });
    // At the end of its maximal TTL a renewal succeeds and gains nothing.
    const gained =
      renewed && renewed.ttl > 0 && renewed.expiresAt - login.expiresAt > Math.min(1_000, renewed.ttl * 100);
    if (gained) Object.assign(login, renewed);
    if (gained && login.renewable) return renewIn(login, renewalDelay(login.ttl));
    login.renewable = false;
    // A token from a login is replaced by a new login when it is spent.
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
