import { createHash, timingSafeEqual } from "node:crypto";
import { bearerBytes, bearerHash, bearerWith, isBearer, mintBearer } from "../../core/access/bearer.ts";
import { changeEvent } from "../../core/caller.ts";
import { base32, type Random } from "../../core/ids.ts";
import type { Parameters } from "./authorization-request.ts";
import type { ClientGrants, StoredGrant } from "./client-grants.ts";
import { OAuthError } from "./oauth-error.ts";
import { projectAt } from "./project-url.ts";

/** Milliseconds for which tokens are good. */
const accessLife = 60 * 60_000;
const refreshLife = 30 * 24 * 60 * 60_000;

/** The only scope: all that the user may do at the endpoint of the project. */
export const mcpScope = "mcp";

/** Attempts of an exchange that loses against other writes. */
const attempts = 5;

/** The response of the token endpoint. */
export interface IssuedTokens {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token: string;
  scope: string;
}

/** One request to the token endpoint. */
export interface ExchangeRequest {
  parameters: Parameters;
  /** The URLs of this server. */
  bases: readonly string[];
  requestId: string;
}

export interface TokenEndpointOptions {
  grants: ClientGrants;
  now(): number;
  random: Random;
}

/** Exchanges codes and refresh tokens for tokens, and takes tokens back. */
export class TokenEndpoint {
  readonly #options: TokenEndpointOptions;
  /** Exchanges of refresh tokens under way: the same request, sent twice at a time, gets the same tokens. */
  readonly #exchanges = new Map<string, Promise<IssuedTokens>>();

  constructor(options: TokenEndpointOptions) {
    this.#options = options;
  }

  /** Exchanges a code or a refresh token. @throws OAuthError */
  async exchange(request: ExchangeRequest): Promise<IssuedTokens> {
    const type = request.parameters.need("grant_type");
    if (type === "authorization_code") return this.#retrying(() => this.#redeem(request));
    if (type !== "refresh_token")
      throw new OAuthError(
        "unsupported_grant_type",
        "grant_type must be authorization_code or refresh_token",
      );
    const { parameters } = request;
    const names = ["refresh_token", "client_id", "resource"];
    const key = bearerHash(JSON.stringify(names.map((name) => parameters.get(name))));
    let exchange = this.#exchanges.get(key);
    if (!exchange) {
      exchange = this.#retrying(() => this.#refresh(request)).finally(() => this.#exchanges.delete(key));
      this.#exchanges.set(key, exchange);
    }
    return exchange;
  }

  /** Takes a token back (RFC 7009): with a refresh token the whole grant. Unknown tokens are no error. */
  async revoke({ parameters, requestId }: Pick<ExchangeRequest, "parameters" | "requestId">): Promise<void> {
    const token = parameters.need("token");
    const clientId = parameters.need("client_id");
    const { grants } = this.#options;
    const { snapshot } = grants;
    if (isBearer(token, "acc")) {
      const row = snapshot.byId.get(snapshot.bearers.get(bearerHash(token)) ?? "") as StoredGrant | undefined;
      if (row?.status.clientId !== clientId) return;
      await grants.update(row, { ...row.status, accessUntil: 0 });
      return;
    }
    const halves = halvesOf(token);
    const row = halves && (await grants.find("family", halves.familyHash));
    if (row?.status.clientId !== clientId) return;
    await grants.end(
      row.id,
      (ended, caller) =>
        changeEvent(caller, "delete", ended, this.#options.now(), [], { reason: "taken back by the client" }),
      requestId,
    );
  }

  async #redeem({ parameters, bases, requestId }: ExchangeRequest): Promise<IssuedTokens | undefined> {
    const { grants, now } = this.#options;
    const code = parameters.need("code");
    const clientId = parameters.need("client_id");
    const redirectUri = parameters.need("redirect_uri");
    const verifier = parameters.need("code_verifier");
    const row = isBearer(code, "cod") ? await grants.find("code", bearerHash(code)) : undefined;
    if (!row) throw invalid("the code is unknown or too old");
    const { status } = row;
    // Somebody else has the code, too. Which of the two is the client cannot be told.
    if (status.refreshHash !== undefined) {
      await this.#endReused(row, "code", requestId);
      throw invalid("the code has been used");
    }
    if (status.until <= now()) throw invalid("the code is unknown or too old");
    if (status.clientId !== clientId) throw invalid("the code is for another client");
    if (status.redirectUri !== redirectUri) throw invalid("the redirect_uri is not that of the request");
    if (!isVerifier(verifier, status.challenge)) throw invalid("the code_verifier is wrong");
    this.#checkResource(parameters, bases, row);
    return this.#issue(row, undefined);
  }

  async #refresh({ parameters, bases, requestId }: ExchangeRequest): Promise<IssuedTokens | undefined> {
    const { grants, now } = this.#options;
    const token = parameters.need("refresh_token");
    const clientId = parameters.need("client_id");
    const halves = halvesOf(token);
    const row = halves && (await grants.find("family", halves.familyHash));
    if (!row || row.status.clientId !== clientId)
      throw invalid("the refresh_token is unknown or was taken back");
    // An earlier token of the grant: the client or a thief has the present one.
    if (row.status.refreshHash !== halves.hash) {
      await this.#endReused(row, "refresh token", requestId);
      throw invalid("the refresh_token has been used");
    }
    if (row.status.until <= now()) throw invalid("the refresh_token is too old");
    this.#checkResource(parameters, bases, row);
    return this.#issue(row, halves.family);
  }

  /** Checks the resource of a request, where it has one: tokens are for the project that was agreed to (T279). */
  #checkResource(parameters: Parameters, bases: readonly string[], { status, owner }: StoredGrant): void {
    const { snapshot } = this.#options.grants;
    if (!snapshot.byId.has(status.projectId) || !snapshot.byId.has(owner ?? ""))
      throw invalid("the project or its user is gone");
    const resource = parameters.get("resource");
    if (resource !== undefined && projectAt(snapshot, resource, bases)?.id !== status.projectId)
      throw new OAuthError("invalid_target", "the tokens are for another resource");
  }

  /** Stores new tokens. Returns undefined if another write came first. */
  async #issue(row: StoredGrant, family: string | undefined): Promise<IssuedTokens | undefined> {
    const { grants, now, random } = this.#options;
    const at = now();
    const access = mintBearer("acc", random);
    const half = () => base32(random(new Uint8Array(bearerBytes)));
    const refresh = bearerWith("ref", `${family ?? half()}${half()}`);
    const { familyHash, hash } = halvesOf(refresh)!;
    const status = {
      ...row.status,
      familyHash,
      refreshHash: hash,
      accessUntil: at + accessLife,
      until: at + refreshLife,
    };
    if (!(await grants.update(row, status, bearerHash(access)))) return undefined;
    return {
      access_token: access,
      token_type: "Bearer",
      expires_in: accessLife / 1000,
      refresh_token: refresh,
      scope: mcpScope,
    };
  }

  #endReused(row: StoredGrant, what: string, requestId: string): Promise<void> {
    const { grants, now } = this.#options;
    return grants.end(
      row.id,
      (ended, caller) => changeEvent(caller, "delete", ended, now(), [], { reason: `${what} used twice` }),
      requestId,
    );
  }

  async #retrying(exchange: () => Promise<IssuedTokens | undefined>): Promise<IssuedTokens> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const issued = await exchange();
      if (issued) return issued;
    }
    throw new OAuthError("temporarily_unavailable", "other requests came first; try again");
  }
}

/** A refresh token: its first half is that of all refresh tokens of its grant, and as secret as the second. */
interface RefreshToken {
  family: string;
  familyHash: string;
  /** Of the whole. */
  hash: string;
}

/** Returns the parts of a refresh token; undefined for a text that is none. */
function halvesOf(token: string): RefreshToken | undefined {
  const [, family] = /^mcpctl_ref_(.{32}).{39}$/.exec(token) ?? [];
  if (family === undefined || !isBearer(token, "ref")) return undefined;
  return { family, familyHash: bearerHash(family), hash: bearerHash(token) };
}

/** True if a verifier of PKCE has a challenge, with S256 (RFC 7636). */
function isVerifier(verifier: string, challenge: string): boolean {
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) return false;
  const own = createHash("sha256").update(verifier).digest("base64url");
  return own.length === challenge.length && timingSafeEqual(Buffer.from(own), Buffer.from(challenge));
}

function invalid(message: string): OAuthError {
  return new OAuthError("invalid_grant", message);
}
