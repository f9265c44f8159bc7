import { AppError } from "../../../errors.ts";
import { HttpFailure, type Outbound } from "../../../net/outbound.ts";
import { isObject } from "../../../wire/json.ts";
import { clientText } from "./client-text.ts";
import { OAuthError } from "./oauth-error.ts";
import { checkedRedirectUris, type OAuthClientFacts } from "./registered-client.ts";

/** The most bytes of a document, and the milliseconds that reading it may take. */
const maxBytes = 16 * 1024;
const timeouts = { connect: 4000, firstByte: 4000, silence: 4000 };
const longestRequest = 6000;

/** The shortest and the longest time for which a document is kept, in milliseconds, and the most of them. */
const shortestKept = 5 * 60_000;
const longestKept = 24 * 60 * 60_000;
const mostKept = 500;
/** Milliseconds in which a host that could not be reached is not called again: the same user asks twice. */
const unreachedPause = 30_000;

/** The host of a document could not be reached: a server in a home may have no way to the internet. */
export class DocumentUnreached extends OAuthError {
  readonly host: string;
  constructor(host: string) {
    super("invalid_client", `the document of the client at ${host} cannot be read`);
    this.host = host;
  }
}

export interface ClientDocumentsOptions {
  /** Calls addresses of public networks alone. */
  outbound: Outbound;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  /** Milliseconds that one request may take; 6 seconds if not given. */
  longest?: number;
}

/**
 * Reads the documents with which MCP clients describe themselves: their id is the https URL of one
 * (draft-ietf-oauth-client-id-metadata-document). The address is somebody else's choice, so only public addresses are
 * called, no redirect is followed, and bytes and time are bounded (T275). Documents with faults are not kept.
 */
export class ClientDocuments {
  readonly #options: ClientDocumentsOptions;
  readonly #kept = new Map<string, { client: OAuthClientFacts; until: number }>();
  /** Ids whose hosts could not be reached, until a time. */
  readonly #unreached = new Map<string, number>();
  /** Documents that are being read: requests at the same time share one. */
  readonly #reading = new Map<string, Promise<OAuthClientFacts>>();

  constructor(options: ClientDocumentsOptions) {
    this.#options = options;
  }

  /** True if the document is kept, so that reading it sends nothing. */
  has(id: string): boolean {
    const kept = this.#kept.get(id);
    return kept !== undefined && kept.until > this.#options.elapsed();
  }

  /**
   * Returns the client of an id that is the URL of a document.
   *
   * @throws OAuthError `invalid_client`; DocumentUnreached if nobody answers there
   */
  async read(id: string): Promise<OAuthClientFacts> {
    const kept = this.#kept.get(id);
    if (kept && kept.until > this.#options.elapsed()) return kept.client;
    let reading = this.#reading.get(id);
    if (!reading) {
      reading = this.#fetch(id).finally(() => this.#reading.delete(id));
      this.#reading.set(id, reading);
    }
    return reading;
  }

  async #fetch(id: string): Promise<OAuthClientFacts> {
    const url = documentUrl(id);
    if (!url) throw new OAuthError("invalid_client", "the client_id is not a URL of a client's document");
    if ((this.#unreached.get(id) ?? 0) > this.#options.elapsed()) throw new DocumentUnreached(url.host);
    const { text, keep } = await this.#get(url);
    const client = clientOf(url, text);
    this.#kept.delete(id);
    this.#kept.set(id, { client, until: this.#options.elapsed() + keep });
    while (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value!);
    return client;
  }

  async #get(url: URL): Promise<{ text: string; keep: number }> {
    const signal = AbortSignal.timeout(this.#options.longest ?? longestRequest);
    try {
      const headers = { accept: "application/json" };
      const response = await this.#options.outbound(url, { method: "GET", headers, timeouts, signal });
      const { status } = response;
      const type = response.headers.get("content-type") ?? "";
      if (status !== 200 || !/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) {
        response.cancel();
        throw new OAuthError(
          "invalid_client",
          `the document of the client at ${url.host} cannot be read: it answered ${status}${status === 200 ? " without JSON" : ""}`,
        );
      }
      const keep = keptFor(response.headers.get("cache-control") ?? "");
      return { text: await response.text(maxBytes), keep };
    } catch (error) {
      if (error instanceof OAuthError) throw error;
      if (!(error instanceof AppError || error instanceof HttpFailure || signal.aborted)) throw error;
      if (error instanceof HttpFailure && error.kind === "too-large")
        throw new OAuthError(
          "invalid_client",
          `the document of the client at ${url.host} is over ${maxBytes / 1024} KB`,
        );
      const unreached = new DocumentUnreached(url.host);
      // An address that is not allowed is refused. The text is the same: it must not show who is there.
      const cause = error instanceof HttpFailure ? error.cause : error;
      if (cause instanceof AppError) throw new OAuthError("invalid_client", unreached.message);
      this.#unreached.set(url.href, this.#options.elapsed() + unreachedPause);
      while (this.#unreached.size > mostKept) this.#unreached.delete(this.#unreached.keys().next().value!);
      throw unreached;
    }
  }
}

/** True for an id that is meant as the URL of a document. */
export function isDocumentId(id: string): boolean {
  return /^https?:/i.test(id);
}

/** Returns the URL of a document; undefined for one that cannot be an id: it is written in one way only. */
function documentUrl(id: string): URL | undefined {
  const url = id.length > 500 ? null : URL.parse(id);
  const isPlain =
    url?.protocol === "https:" &&
    url.href === id &&
    url.pathname !== "/" &&
    !id.includes("#") &&
    url.username === "" &&
    url.password === "";
  return isPlain ? url : undefined;
}

/** Returns the client that a document describes. @throws OAuthError */
function clientOf({ href, host }: URL, text: string): OAuthClientFacts {
  const fault = (what: string) =>
    new OAuthError("invalid_client", `the document of the client at ${host} ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw fault("is not JSON");
  }
  if (!isObject(document)) throw fault("is not a JSON object");
  // Else one could pass off a document of somebody else's host as its own.
  if (document["client_id"] !== href) throw fault("has another client_id");
  const method = document["token_endpoint_auth_method"];
  if (method !== undefined && method !== "none")
    throw fault(
      "asks for a way to authenticate that this server does not have: token_endpoint_auth_method must be none",
    );
  const { client_name: name } = document;
  return {
    id: href,
    name: clientText(typeof name === "string" ? name : ""),
    redirectUris: checkedRedirectUris(document["redirect_uris"]),
    host,
  };
}

/** Returns the milliseconds for which a document may be kept. */
function keptFor(cacheControl: string): number {
  const seconds = Number(/\bmax-age=(\d{1,9})\b/i.exec(cacheControl)?.[1] ?? 0);
  return Math.min(Math.max(seconds * 1000, shortestKept), longestKept);
}
