import { AppError } from "../../../errors.ts";
import { decide, type Principal } from "../../core/access/policy.ts";
import type { Throttle } from "../../core/access/throttle.ts";
import { type Caller, eventBy } from "../../core/caller.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import type { Audit } from "../../observability/audit.ts";
import {
  type AuthorizationRequest,
  type RefusedAuthorization,
  readRequest,
} from "./authorization-request.ts";
import { type ClientDocuments, DocumentUnreached, isDocumentId } from "./client-documents.ts";
import type { ClientGrants } from "./client-grants.ts";
import { clientText } from "./client-text.ts";
import { OAuthError } from "./oauth-error.ts";
import { projectNamed } from "./project-url.ts";
import { type RedirectKind, redirectKind, redirectPlace, redirectWith } from "./redirect-uri.ts";
import { type OAuthClientFacts, registeredClient } from "./registered-client.ts";

/** A request of an MCP client as its user is asked about it. */
export interface ShownRequest {
  client: {
    id: string;
    name: string;
    /** Of the document that describes it. */
    host: string | null;
    /** False if that document could not be read. */
    isRead: boolean;
  };
  /** Undefined if the request can only be refused. */
  project?: string;
  redirect: { kind: RedirectKind; place: string };
  refusal?: { code: string; message: string };
}

/** One request of a client, and the URL of this server as the browser knows it. */
export interface Asked {
  /** The query with which the client sent the browser here. */
  query: string;
  issuer: string;
  /** All URLs of this server. */
  bases: readonly string[];
}

export interface ConsentOptions {
  grants: ClientGrants;
  documents: ClientDocuments;
  audit: Audit;
  /** Counts the documents of clients that a user has had read. */
  reads: Throttle;
  now(): number;
}

/** Asks users whether an MCP client gets access, and sends their answers to it. */
export class Consent {
  readonly #options: ConsentOptions;

  constructor(options: ConsentOptions) {
    this.#options = options;
  }

  /** Returns a request as its user is asked about it. @throws OAuthError for one that must not be answered */
  async show({ principal }: Caller, asked: Asked): Promise<ShownRequest> {
    const request = await this.#read(principal, asked);
    const { client, redirectUri } = request;
    return {
      client: { id: client.id, name: client.name, host: client.host ?? null, isRead: !client.isUnread },
      redirect: { kind: redirectKind(redirectUri)!, place: redirectPlace(redirectUri) },
      ...("refusal" in request ? { refusal: request.refusal } : { project: request.project.name }),
    };
  }

  /** Answers a request. Returns the URL that the browser goes to. @throws OAuthError, AppError */
  async answer(caller: Caller, asked: Asked, isAllowed: boolean): Promise<string> {
    const request = await this.#read(caller.principal, asked);
    const { redirectUri, state, client } = request;
    // RFC 9207: so the client sees which server answers, and sends the code to no other.
    const back = (more: Record<string, string>) =>
      redirectWith(redirectUri, { ...more, state, iss: asked.issuer });
    if ("refusal" in request)
      return back({ error: request.refusal.code, error_description: request.refusal.message });
    if (!isAllowed) {
      const detail = { project: request.project.name, client: client.name, redirectUri };
      await this.#options.audit.record(
        eventBy(caller, { at: this.#options.now(), action: "client_denied", status: 403, detail }),
      );
      return back({ error: "access_denied", error_description: "the user has denied access" });
    }
    return back({ code: await this.#options.grants.give(caller, request, request.project) });
  }

  async #read(
    principal: Principal,
    { query, bases }: Asked,
  ): Promise<(AuthorizationRequest & { project: ProjectRow }) | RefusedAuthorization> {
    // A token has less rights than its user, and whoever acts as a user does not decide for it (T280).
    if (principal.kind !== "User" || principal.impersonator)
      throw new AppError("forbidden", "only a user who has logged in can give MCP clients access");
    const request = await readRequest(query, (id, redirectUri) => this.#clientOf(principal, id, redirectUri));
    if ("refusal" in request) return request;
    const { client, redirectUri, state, resource } = request;
    const refuse = (code: "invalid_target" | "access_denied", message: string): RefusedAuthorization => ({
      client,
      redirectUri,
      state,
      refusal: { code, message },
    });
    const { snapshot } = this.#options.grants;
    const name = projectNamed(resource, bases);
    const project = name === undefined ? undefined : snapshot.named("project", name);
    const decision = name === undefined ? "hidden" : decide(principal, "run", "projects", name, project);
    if (!project || decision !== "allow")
      return decision === "forbidden"
        ? refuse("access_denied", "you may not use this project")
        : refuse("invalid_target", "the resource is not the MCP endpoint of a project of this server");
    return { ...request, project };
  }

  async #clientOf({ userId }: Principal, id: string, redirectUri: string): Promise<OAuthClientFacts> {
    if (!isDocumentId(id)) {
      const client = registeredClient(id);
      if (client) return client;
      throw new OAuthError("invalid_client", "the client_id is unknown: the client has to register");
    }
    const { documents, reads } = this.#options;
    const wait = documents.has(id) ? 0 : reads.attempt(userId);
    if (wait > 0)
      throw new AppError("too_many_requests", "too many descriptions of clients; try again later", {
        retryAfter: wait,
      });
    return documents.read(id).catch((error) => {
      // A server without a way to the internet still lets in programs on the user's own machine: any of them could have
      // used the id with a document, too. Elsewhere a code goes only to whom the document names (T277).
      if (!(error instanceof DocumentUnreached) || redirectKind(redirectUri) !== "loopback") throw error;
      const { host } = error;
      return { id, name: clientText(host), redirectUris: [redirectUri], host, isUnread: true };
    });
  }
}
