import { randomBytes } from "node:crypto";
import { AuthorizationNeeded } from "../../../mcp/oauth/authorized-outbound.ts";
import { type LoginFailure, loginFailure } from "../../../mcp/oauth/login-failure.ts";
import { refreshTokens, type TokenSet } from "../../../mcp/oauth/tokens.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import { backoffDelay, pause, type Time } from "../../../time.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { StoredAuthorization } from "../../core/catalogue/mcp-authorizations.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { AuthorizationStore } from "./authorization-store.ts";
import type { LoginNetwork } from "./login-network.ts";

export interface RenewalOptions {
  catalogue: Catalogue;
  store: AuthorizationStore;
  network: LoginNetwork;
  /** True if several servers share the database: one of them alone may use a refresh token. */
  isShared: boolean;
  now(): number;
  time: Time;
  onError(error: unknown): void;
}

/** Waits after a failure, in milliseconds. */
const failureSpan = { first: 2000, longest: 60_000 };
/** After so many milliseconds by the own clock, another server that gets tokens has died: its request takes half of it. */
const claimTime = 40_000;
/** Milliseconds between two looks at what another server gets. */
const lookTime = 250;
/** Attempts to store tokens: a refresh token that is lost cannot be had again. */
const saveAttempts = 5;

/**
 * Gets the next tokens of authorizations, one request at a time for each: a refresh token that is used twice can end the
 * access of everybody (failure mode 177).
 */
export class Renewals {
  readonly #options: RenewalOptions;
  readonly #underWay = new Map<string, Promise<TokenSet>>();
  readonly #failures = new Map<string, { count: number; until: number; error: Error }>();
  readonly #claims = new Map<string, { word: string; since: number }>();

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /**
   * Returns tokens that are newer than one that is over. Joins a request that is under way.
   *
   * @throws AuthorizationNeeded if only a person can get more; McpFailure if it may succeed later
   */
  renew({ id }: StoredAuthorization, server: McpServerRow, stale: string): Promise<TokenSet> {
    const failure = this.#failures.get(id);
    if (failure && this.#options.time.elapsed() < failure.until) return Promise.reject(failure.error);
    let renewing = this.#underWay.get(id);
    if (!renewing) {
      renewing = this.#renew(id, server, stale).finally(() => this.#underWay.delete(id));
      this.#underWay.set(id, renewing);
    }
    return renewing;
  }

  /** Forgets failures of an authorization that was given anew, or is gone. */
  forget(id: string): void {
    this.#failures.delete(id);
    this.#claims.delete(id);
  }

  async #renew(id: string, server: McpServerRow, stale: string): Promise<TokenSet> {
    const { store, network, now, isShared } = this.#options;
    const word = isShared ? await this.#claim(id, stale) : undefined;
    const row = store.byId(id);
    if (!row) throw new AuthorizationNeeded("the access that was given was taken back", 401);
    const record = await store.record(row);
    const { tokens, client, server: tokenServer, resource } = record;
    if (tokens && tokens.accessToken !== stale) return tokens;
    if (!tokens?.refreshToken || !client || !tokenServer)
      throw new AuthorizationNeeded("the access that was given is over", 401);
    let next: TokenSet;
    try {
      const fetch = await network.fetchFor(server.spec.url!);
      next = await refreshTokens({ server: tokenServer, client, resource, fetch, now: now() }, tokens);
    } catch (error) {
      throw await this.#failed(id, word, loginFailure(error, "the access cannot be renewed"));
    }
    this.#failures.delete(id);
    await this.#save(id, tokens, next);
    return next;
  }

  /** Stores new tokens. Without it they are lost with this process, so it is tried again. */
  async #save(id: string, before: TokenSet, next: TokenSet): Promise<void> {
    const { store, time } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        await store.change(id, ({ status }, record) => {
          // Somebody has logged in anew meanwhile.
          if (record.tokens?.accessToken !== before.accessToken) return undefined;
          const { refreshing: _, problem: _p, ...rest } = status;
          return { status: { ...rest, ...shownTokens(next) }, record: { ...record, tokens: next } };
        });
        return;
      } catch (error) {
        if (attempt >= saveAttempts) throw error;
        await pause(time, 200 * attempt, new AbortController().signal);
      }
    }
  }

  async #failed(id: string, word: string | undefined, failure: LoginFailure): Promise<Error> {
    const { store, time } = this.#options;
    const { count } = this.#failures.get(id) ?? { count: 0 };
    const error = failure.mayPass
      ? new McpFailure("refused", failure.message, { status: 503, cause: failure })
      : new AuthorizationNeeded(failure.message, 401);
    if (failure.mayPass) {
      const until = time.elapsed() + backoffDelay(count, failureSpan, () => time.random());
      this.#failures.set(id, { count: count + 1, until, error });
    }
    await store.change(id, ({ status }, record) => {
      const { refreshing, ...rest } = status;
      if (word !== undefined && refreshing !== word) return undefined;
      if (failure.mayPass) return { status: { ...rest, problem: failure.message } };
      const { tokens: _, ...left } = record;
      const { expiresAt: _e, ...over } = rest;
      return {
        status: { ...over, state: "expired", renews: false, problem: failure.message },
        record: left,
      };
    });
    return error;
  }

  /** Takes the right to get the next tokens, or waits for those that another server gets. */
  async #claim(id: string, stale: string): Promise<string | undefined> {
    const { catalogue, store, time } = this.#options;
    const word = randomBytes(9).toString("base64url");
    for (;;) {
      const row = store.byId(id);
      if (!row || (await store.record(row)).tokens?.accessToken !== stale) return undefined;
      const held = row.status.refreshing;
      if (held === word) return word;
      const known = this.#claims.get(id);
      if (held !== undefined && known?.word !== held)
        this.#claims.set(id, { word: held, since: time.elapsed() });
      // No two clocks are compared: it counts for how long this server has seen the claim (failure mode 169).
      const isFree = held === undefined || time.elapsed() - this.#claims.get(id)!.since > claimTime;
      if (isFree)
        await store.change(id, ({ status }) =>
          status.refreshing === held ? { status: { ...status, refreshing: word } } : undefined,
        );
      else {
        await pause(time, lookTime, new AbortController().signal);
        await catalogue.refresh();
      }
    }
  }
}

/** Returns what a row shows of tokens. */
export function shownTokens({ expiresAt, refreshToken, scope }: TokenSet) {
  return {
    renews: refreshToken !== undefined,
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(scope !== undefined && { scopes: scope.split(" ").filter((one) => one !== "") }),
  };
}
