import { randomBytes, timingSafeEqual } from "node:crypto";
import { AppError } from "../../../errors.ts";
import { chooseClient } from "../../../mcp/oauth/client-registration.ts";
import { discover, isSame } from "../../../mcp/oauth/discovery.ts";
import { LoginFailure, loginFailure, plainText } from "../../../mcp/oauth/login-failure.ts";
import { checkIssuer, loginPage } from "../../../mcp/oauth/login-page.ts";
import { exchangeCode, revokeTokens, tokenServerOf } from "../../../mcp/oauth/tokens.ts";
import type { Principal } from "../../core/access/policy.ts";
import { standing } from "../../core/access/standing.ts";
import { type Caller, eventBy, subjectOf } from "../../core/caller.ts";
import type { RowChange } from "../../core/catalogue/catalogue.ts";
import type { StoredAuthorization } from "../../core/catalogue/mcp-authorizations.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { AccessTokens, type AccessTokensOptions } from "./access-tokens.ts";
import type { AuthorizationRecord, LoginFlow } from "./authorization-store.ts";
import { ownClient } from "./client-secret.ts";
import { shownTokens } from "./renewals.ts";
import { listOf, wantedScope } from "./scopes.ts";
import { UserKeys } from "./user-keys.ts";

/** Milliseconds that a person has to log in. */
const flowTime = 10 * 60_000;

/** A login that has begun. */
export interface StartedLogin {
  /** The page of the authorization server that a person opens. */
  url: string;
  /** The name of the login, which comes back with the answer. */
  state: string;
  /** RFC 3339. */
  until: string;
  issuer: string;
  scopes: string[];
}

/** The answer that an authorization server sends through the browser. */
export interface BrowserAnswer {
  code?: string | undefined;
  state?: string | undefined;
  iss?: string | undefined;
  error?: string | undefined;
}

export interface LoginsOptions extends AccessTokensOptions {
  /** The URL of the document that describes this mcpctl to authorization servers, if the internet can reach it. */
  documentUrl: string | undefined;
}

/** Gives mcpctl access to MCP servers elsewhere, by the login of a person at their authorization server. */
export class Logins {
  readonly tokens: AccessTokens;
  readonly keys: UserKeys;
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
    this.tokens = new AccessTokens(options);
    this.keys = new UserKeys(options);
  }

  /**
   * Begins a login. One that was begun before for the same calls can no longer end.
   *
   * @param userId whose calls it is for; "" for those of everybody
   * @returns undefined if the client itself has got access, and nobody has to log in
   */
  async start(
    server: McpServerRow,
    userId: string,
    { principal }: Caller,
    redirectUri: string,
  ): Promise<StartedLogin | undefined> {
    try {
      if (server.spec.oauth?.grant !== "client_credentials")
        return await this.#start(server, userId, principal, redirectUri);
      await this.tokens.obtain(server, undefined, true);
      return undefined;
    } catch (error) {
      throw refusedLogin(server.name, error);
    }
  }

  /**
   * Ends a login with the answer that came through a browser.
   *
   * @param caller who has it; undefined if it came to this server by itself
   * @throws AppError
   */
  async finish(answer: BrowserAnswer, server?: McpServerRow, caller?: Caller): Promise<StoredAuthorization> {
    const { store, catalogue } = this.#options;
    const row = store.byId(/^(aut_[0-9a-z]{26})\./.exec(answer.state ?? "")?.[1] ?? "");
    const record = row ? await store.record(row) : {};
    const flow = row && flowOf(record, answer.state, this.#options.now());
    const isOwn = !caller || flow?.startedBy === caller.principal.userId;
    if (!row || !flow || !isOwn || (server && row.status.serverId !== server.id)) throw unknownLogin();
    const mcpServer = catalogue.snapshot.byId.get(row.status.serverId) as McpServerRow | undefined;
    if (!mcpServer || mcpServer.spec.url !== row.status.url) throw unknownLogin();
    // A state is good for one answer, whatever it is.
    let isTaken = false;
    await store.change(row.id, ({ status }, { flow: present, ...rest }) => {
      isTaken = present?.state === flow.state;
      const { flow: _, ...left } = status;
      return isTaken ? { status: left, record: rest } : undefined;
    });
    if (!isTaken) throw unknownLogin();
    try {
      return await this.#exchange(mcpServer, row.id, flow, answer, caller);
    } catch (error) {
      const failure = loginFailure(error, "the login failed");
      await store.change(row.id, ({ status }) => ({ status: { ...status, problem: failure.message } }));
      throw refusedLogin(mcpServer.name, failure);
    }
  }

  /** Forgets the access that was given, and takes the tokens back. Returns false if there is none. */
  async forget(server: McpServerRow, userId: string, caller: Caller): Promise<boolean> {
    const { store, now } = this.#options;
    const row = store.find(server, userId);
    if (row?.status.authorizedAt === undefined) return false;
    const detail = subjectOf(server);
    await store.remove(row.id, eventBy(caller, { at: now(), action: "deauthorize", status: 204, detail }));
    // Whoever looks at the server sees what it lacks now.
    await store.need(server, userId, row.status.challenge);
    return true;
  }

  /** Takes back the tokens of authorizations that were deleted, and deletes what is kept of them. */
  follow(changes: readonly RowChange[]): void {
    const { store, network, onError } = this.#options;
    for (const { kind, before, after } of changes) {
      if (kind !== "authorization" || !before || after) continue;
      this.tokens.renewals.forget(before.id);
      const row = before as StoredAuthorization;
      store
        .discard(row, async ({ server, client, tokens }) => {
          const { url } = row.status;
          if (!server || !client || !tokens || url === undefined) return;
          await revokeTokens({ server, client, fetch: await network.fetchFor(url) }, tokens);
        })
        .catch(onError);
    }
  }

  async #start(
    server: McpServerRow,
    userId: string,
    principal: Principal,
    redirectUri: string,
  ): Promise<StartedLogin> {
    const startedBy = principal.userId;
    const { store, network, catalogue, readSecret, documentUrl, now } = this.#options;
    const { oauth, url = "" } = server.spec;
    const row = await store.need(server, userId);
    const record = await store.record(row);
    const { challenge, scopes, missingScopes, issuer: before } = row.status;
    const fetch = await network.fetchFor(url);
    const found = await discover({
      serverUrl: url,
      metadataUrl: challenge?.metadataUrl,
      issuer: oauth?.issuer,
      fetch,
    });
    const { metadata, resource } = found;
    const own = await ownClient(server, catalogue.snapshot, readSecret);
    if (own?.clientSecret !== undefined && before !== undefined && !isSame(before, metadata.issuer))
      throw new LoginFailure(
        `the server names another authorization server than before, ${plainText(metadata.issuer)}: the client's secret is ` +
          "not sent there; to allow it, set oauth.issuer",
      );
    const scope = wantedScope({
      own: oauth?.scopes,
      challenged: challenge?.scope,
      offered: found.scopes,
      before: scopes?.join(" "),
      missing: missingScopes,
      known: metadata.scopes_supported,
    });
    const choice = { metadata, own, documentUrl, known: record.client, redirectUri, scope, fetch };
    const client = await chooseClient(choice);
    const state = `${row.id}.${randomBytes(32).toString("base64url")}`;
    const { page, verifier } = await loginPage({ metadata, client, redirectUri, state, scope, resource });
    const until = now() + flowTime;
    const flow: LoginFlow = {
      state,
      verifier,
      redirectUri,
      until,
      startedBy,
      server: tokenServerOf(metadata),
      client,
      ...(resource !== undefined && { resource }),
      ...(scope !== undefined && { scope }),
    };
    const begun = await store.change(row.id, ({ status }, present) => {
      const { problem: _, ...rest } = status;
      return {
        status: { ...rest, flow: { startedBy, until: new Date(until).toISOString() } },
        record: { ...present, flow },
        conditions: standing(principal),
      };
    });
    // Its url was changed, or somebody took the access back: nobody could end this login.
    if (!begun) throw new LoginFailure("the server was changed meanwhile; begin again");
    return {
      url: page.href,
      state,
      until: new Date(until).toISOString(),
      issuer: metadata.issuer,
      scopes: listOf(scope),
    };
  }

  async #exchange(
    server: McpServerRow,
    id: string,
    flow: LoginFlow,
    answer: BrowserAnswer,
    caller: Caller | undefined,
  ): Promise<StoredAuthorization> {
    const { store, network, now } = this.#options;
    // Before anything else of the answer is believed, also its error.
    await checkIssuer(flow.server, answer.iss);
    if (answer.error !== undefined)
      throw new LoginFailure(`the authorization server answered ${plainText(answer.error).slice(0, 60)}`);
    if (answer.code === undefined || answer.code === "") throw new LoginFailure("the answer has no code");
    const fetch = await network.fetchFor(server.spec.url!);
    const { server: tokenServer, client, resource, verifier, redirectUri, scope, startedBy } = flow;
    const at = now();
    const tokens = await exchangeCode(
      { server: tokenServer, client, resource, fetch, now: at },
      { code: answer.code, iss: answer.iss },
      { verifier, redirectUri },
    );
    let old: AuthorizationRecord = {};
    const row = await store.change(id, ({ status }, record) => {
      old = record;
      const { problem: _, missingScopes: _m, scopes: _s, expiresAt: _e, refreshing: _r, ...rest } = status;
      const granted = tokens.scope ?? scope;
      return {
        status: {
          ...rest,
          state: "authorized",
          authorizedBy: startedBy,
          authorizedAt: new Date(at).toISOString(),
          issuer: tokenServer.issuer,
          ...(granted !== undefined && { scopes: listOf(granted) }),
          ...shownTokens(tokens),
        },
        record: {
          server: tokenServer,
          client,
          ...(resource !== undefined && { resource }),
          tokens: { ...tokens, ...(granted !== undefined && { scope: granted }) },
        },
        event: eventBy(
          caller ?? { principal: { kind: "User", userId: startedBy } as Caller["principal"], requestId: "" },
          {
            at,
            action: "authorize",
            status: 200,
            detail: { ...subjectOf(server), issuer: tokenServer.issuer },
          },
        ),
      };
    });
    this.tokens.renewals.forget(id);
    // The url was changed, or somebody took the access back meanwhile: nobody has these tokens now.
    if (!row) {
      await revokeTokens({ server: tokenServer, client, fetch }, tokens);
      throw new LoginFailure("the server was changed meanwhile; begin again");
    }
    const { server: oldServer, client: oldClient, tokens: oldTokens } = old;
    if (oldServer && oldClient && oldTokens && !isSame(oldServer.issuer, tokenServer.issuer))
      await revokeTokens({ server: oldServer, client: oldClient, fetch }, oldTokens);
    return row;
  }
}

/** Returns the login that a state belongs to, if it can still end. */
function flowOf({ flow }: AuthorizationRecord, state = "", now: number): LoginFlow | undefined {
  if (!flow || flow.until <= now) return undefined;
  const [known, given] = [Buffer.from(flow.state), Buffer.from(state)];
  return known.length === given.length && timingSafeEqual(known, given) ? flow : undefined;
}

function unknownLogin(): AppError {
  return new AppError(
    "not_found",
    "there is no such login: it has ended, has expired, or is somebody else's",
    {
      hint: "begin again: mcpctl authorize server NAME",
    },
  );
}

function refusedLogin(server: string, error: unknown): Error {
  if (error instanceof AppError) return error;
  const failure = loginFailure(error, "the login failed");
  return new AppError(
    failure.mayPass ? "provider_unreachable" : "provider_error",
    `MCP server ${server}: ${failure.message}`,
    { cause: error },
  );
}
