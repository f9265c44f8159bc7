import {
  type AccessRefusal,
  type AccessTokenSource,
  AuthorizationNeeded,
} from "../../../mcp/oauth/authorized-outbound.ts";
import { discover } from "../../../mcp/oauth/discovery.ts";
import { loginFailure } from "../../../mcp/oauth/login-failure.ts";
import { clientTokens, type TokenSet, tokenServerOf } from "../../../mcp/oauth/tokens.ts";
import { McpFailure } from "../../../mcp/rpc-error.ts";
import type { StoredAuthorization } from "../../core/catalogue/mcp-authorizations.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { ReadSecret } from "../types.ts";
import { ownClient } from "./client-secret.ts";
import { type RenewalOptions, Renewals, shownTokens } from "./renewals.ts";
import { together, wantedScope } from "./scopes.ts";

export interface AccessTokensOptions extends RenewalOptions {
  readSecret: ReadSecret;
}

/** A token with less time than this is replaced while it is still good, in milliseconds. */
const ahead = 60_000;
/** A token that was refused so soon after it was made is not replaced again, in milliseconds. */
const fresh = 10_000;

/** The access tokens with which MCP servers elsewhere are called. */
export class AccessTokens {
  readonly renewals: Renewals;
  readonly #options: AccessTokensOptions;
  readonly #obtaining = new Map<string, Promise<string>>();

  constructor(options: AccessTokensOptions) {
    this.#options = options;
    this.renewals = new Renewals(options);
  }

  /**
   * Returns the source of tokens for the calls of a user; of `""`, for those of everybody. A connection to a url that the
   * server no longer has gets none (T344).
   *
   * @param server the row with which the connection was made
   * @param onToken gets each token before it is sent, so that no log repeats it
   */
  sourceFor(server: McpServerRow, userId: string, onToken: (token: string) => void): AccessTokenSource {
    const told = (token: string) => {
      onToken(token);
      return token;
    };
    return {
      current: async () => {
        const token = await this.#current(this.#present(server), userId);
        return token === undefined ? undefined : told(token);
      },
      refused: async (token, refusal) =>
        told(await this.#refused(this.#present(server), userId, token, refusal)),
      lacksScope: (refusal) => this.#lacksScope(this.#present(server), userId, refusal),
    };
  }

  /** Notes that a server works with tokens that it had refused. */
  async worked(server: McpServerRow, userId: string): Promise<void> {
    const { store } = this.#options;
    const row = store.find(server, userId);
    if (row?.status.state !== "expired") return;
    await store.change(row.id, ({ status }, record) => {
      const { problem: _, ...rest } = status;
      return record.tokens && status.state === "expired"
        ? { status: { ...rest, state: "authorized" } }
        : undefined;
    });
  }

  /**
   * Gets tokens for the client of a server, without a person (grant `client_credentials`).
   *
   * @param isAsked true if somebody asks for it, who accepts another authorization server than before
   * @throws LoginFailure
   */
  async obtain(server: McpServerRow, refusal?: AccessRefusal, isAsked = false): Promise<string> {
    const { store, network, catalogue, readSecret, now } = this.#options;
    const { id, status: before } = await store.need(server, "");
    const challenge = refusal ?? before.challenge;
    try {
      const fetch = await network.fetchFor(server.spec.url!);
      const found = await discover({
        serverUrl: server.spec.url!,
        metadataUrl: challenge?.metadataUrl,
        // The client's secret goes to no other authorization server than the first one (T198).
        issuer: server.spec.oauth?.issuer ?? (isAsked ? undefined : before.issuer),
        fetch,
      });
      const own = await ownClient(server, catalogue.snapshot, readSecret);
      const tokenServer = tokenServerOf(found.metadata);
      const client = {
        issuer: tokenServer.issuer,
        client_id: own?.clientId ?? "",
        ...(own?.clientSecret !== undefined && { client_secret: own.clientSecret }),
      };
      const scope = wantedScope({
        own: server.spec.oauth?.scopes,
        challenged: challenge?.scope,
        offered: found.scopes,
        before: before.scopes?.join(" "),
        missing: before.missingScopes,
        known: undefined,
      });
      const { resource } = found;
      const tokens = await clientTokens({ server: tokenServer, client, resource, fetch, now: now() }, scope);
      await store.change(id, ({ status }) => {
        const { problem: _, missingScopes: _m, expiresAt: _e, flow: _f, ...rest } = status;
        return {
          status: {
            ...rest,
            state: "authorized",
            authorizedAt: status.authorizedAt ?? new Date(now()).toISOString(),
            issuer: tokenServer.issuer,
            ...(scope !== undefined && { scopes: scope.split(" ") }),
            ...shownTokens(tokens),
            renews: true,
          },
          // Its secret stays where it is.
          record: { tokens },
        };
      });
      return tokens.accessToken;
    } catch (error) {
      const failure = loginFailure(error, "the authorization server gives no access");
      await store.change(id, ({ status }) =>
        status.problem === failure.message
          ? undefined
          : {
              status: {
                ...status,
                state: status.authorizedAt === undefined ? "needed" : "expired",
                problem: failure.message,
              },
            },
      );
      throw failure;
    }
  }

  #present({ id, spec }: McpServerRow): McpServerRow {
    const row = this.#options.catalogue.snapshot.byId.get(id) as McpServerRow | undefined;
    if (!row) throw new McpFailure("closed", "the server was deleted");
    if (row.spec.url !== spec.url) throw new McpFailure("closed", "the url of the server was changed");
    return row;
  }

  async #current(server: McpServerRow, userId: string): Promise<string | undefined> {
    const { store, now } = this.#options;
    const row = store.find(server, userId);
    if (row?.status.externalRef === undefined) return undefined;
    const { tokens } = store.held(row) ?? (await store.record(row));
    if (!tokens) return undefined;
    const { accessToken, expiresAt = Infinity, issuedAt } = tokens;
    const left = expiresAt - now();
    if (left <= 0) return await this.#next(server, row, tokens);
    // Several calls must not wait for it.
    if (left < Math.min(ahead, (expiresAt - issuedAt) / 4))
      this.#next(server, row, tokens).catch(() => undefined);
    return accessToken;
  }

  /** Returns the next token. One that nobody can renew is sent once more: the server decides. */
  async #next(server: McpServerRow, row: StoredAuthorization, tokens: TokenSet): Promise<string> {
    if (server.spec.oauth?.grant === "client_credentials") return this.#obtained(server, undefined);
    if (tokens.refreshToken === undefined) return tokens.accessToken;
    return (await this.renewals.renew(row, server, tokens.accessToken)).accessToken;
  }

  async #refused(
    server: McpServerRow,
    userId: string,
    token: string | undefined,
    refusal: AccessRefusal,
  ): Promise<string> {
    const { store, now } = this.#options;
    const { spec } = server;
    const known = store.find(server, userId);
    const hasKeys = (spec.headers ?? []).some(({ valueFrom }) => valueFrom);
    // The key in its headers is wrong, and it knows no login.
    if (!known && hasKeys && !spec.oauth && refusal.metadataUrl === undefined)
      throw new McpFailure("refused", "the server answered with status 401", { status: 401 });
    const row = known ?? (await store.need(server, userId));
    const { tokens } = await store.record(row);
    if (tokens && tokens.accessToken !== token) return tokens.accessToken;
    const isFresh = tokens !== undefined && now() - tokens.issuedAt < fresh;
    if (!isFresh && spec.oauth?.grant === "client_credentials") return this.#obtained(server, refusal);
    // A server that refuses new tokens, too, must not have them renewed at each try.
    const isRefused = row.status.state === "expired";
    if (!isFresh && !isRefused && tokens?.refreshToken !== undefined)
      return (await this.renewals.renew(row, server, tokens.accessToken)).accessToken;
    await store.change(row.id, ({ status }, record) => {
      // It was given anew while the request was under way.
      if (record.tokens && record.tokens.accessToken !== token) return undefined;
      const next = {
        ...status,
        state: status.authorizedAt === undefined ? ("needed" as const) : ("expired" as const),
        challenge: { ...refusal },
      };
      return Bun.deepEquals(next, status) ? undefined : { status: next };
    });
    throw needed(server, tokens ? "it refuses the access that was given" : "it wants a login");
  }

  /** Gets tokens without a person, one request at a time. */
  #obtained(server: McpServerRow, refusal: AccessRefusal | undefined): Promise<string> {
    let obtaining = this.#obtaining.get(server.id);
    if (!obtaining) {
      obtaining = this.obtain(server, refusal)
        .catch((error) => {
          throw error.mayPass
            ? new McpFailure("refused", error.message, { status: 503, cause: error })
            : needed(server, error.message);
        })
        .finally(() => this.#obtaining.delete(server.id));
      this.#obtaining.set(server.id, obtaining);
    }
    return obtaining;
  }

  async #lacksScope(server: McpServerRow, userId: string, refusal: AccessRefusal): Promise<McpFailure> {
    const { store } = this.#options;
    const row = await store.need(server, userId);
    await store.change(row.id, ({ status }) => {
      const missing = together(status.missingScopes?.join(" "), refusal.scope)?.split(" ") ?? [];
      // A server must not fill the database with scopes.
      if (missing.length > 100 || Bun.deepEquals(missing, status.missingScopes ?? [])) return undefined;
      return { status: { ...status, missingScopes: missing, challenge: { ...refusal } } };
    });
    return needed(server, `the call needs more access${refusal.scope ? `: ${refusal.scope}` : ""}`, 403);
  }
}

/** Returns the error for a caller who lacks access that somebody can give. */
export function needed({ name }: McpServerRow, why: string, status: 401 | 403 = 401): AuthorizationNeeded {
  return new AuthorizationNeeded(`${why}; to give it access: mcpctl authorize server ${name}`, status);
}
