import { createHash, randomBytes } from "node:crypto";
import { type Answer, type Client, must, type TestServer } from "../server.ts";

/** The place to which the tests' clients have browsers sent. Nobody listens there. */
export const redirectUri = "http://127.0.0.1:9/callback";

/** One request of an MCP client for access, as a browser brings it. */
export interface ClientRequest {
  clientId: string;
  verifier: string;
  fields: Record<string, string>;
}

/** The tokens that a client has got, and how it got them. */
export interface GivenAccess extends ClientRequest {
  code: string;
  accessToken: string;
  refreshToken: string;
}

/** Posts a form to an endpoint of OAuth. */
export function postForm(
  { url }: Pick<TestServer, "url">,
  path: string,
  fields: Record<string, string> | string,
): Promise<Answer> {
  return send(url + path, new URLSearchParams(fields));
}

async function send(url: string, body: URLSearchParams): Promise<Answer> {
  const response = await fetch(url, { method: "POST", body, redirect: "manual" });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

/** Registers a client. Returns its id. */
export async function registered({ as }: TestServer, metadata: object = {}): Promise<string> {
  const body = { client_name: "Test Client", redirect_uris: [redirectUri], ...metadata };
  return (await must(as()("POST", "/oauth/register", body))).body.client_id;
}

/** Makes a request for access to the project `p`. Fields that are given replace its own; "" leaves one out. */
export function requestFor(
  { url }: Pick<TestServer, "url">,
  clientId: string,
  more: Record<string, string> = {},
): ClientRequest {
  const verifier = randomBytes(32).toString("base64url");
  const all: Record<string, string> = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    state: "s t&te",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource: `${url}/projects/p/mcp`,
    ...more,
  };
  const fields = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
  return { clientId, verifier, fields };
}

export function queryOf({ fields }: ClientRequest): string {
  return `?${new URLSearchParams(fields)}`;
}

/** Answers a request as its user. Returns the URL that the browser would go to. */
export async function answered(call: Client, request: ClientRequest, allow = true): Promise<URL> {
  const { body } = await must(call("POST", "/api/v1/oauth/answer", { query: queryOf(request), allow }));
  return new URL(body.redirectTo);
}

/** The fields with which a client exchanges a code. */
export function redemption(
  { clientId, verifier, fields }: ClientRequest,
  code: string,
): Record<string, string> {
  return {
    grant_type: "authorization_code",
    code,
    client_id: clientId,
    redirect_uri: fields["redirect_uri"]!,
    code_verifier: verifier,
    resource: fields["resource"]!,
  };
}

/** The fields with which a client gets its next tokens. */
export function renewal({ clientId, refreshToken }: GivenAccess): Record<string, string> {
  return { grant_type: "refresh_token", refresh_token: refreshToken, client_id: clientId };
}

/** Gives a client access to the project `p` as a user; a new one if none is given. */
export async function givenAccess(
  server: TestServer,
  call: Client,
  more: Record<string, string> = {},
  clientId?: string,
): Promise<GivenAccess> {
  const request = requestFor(server, clientId ?? (await registered(server)), more);
  const code = (await answered(call, request)).searchParams.get("code")!;
  const { body } = await must(postForm(server, "/oauth/token", redemption(request, code)));
  return { ...request, code, accessToken: body.access_token, refreshToken: body.refresh_token };
}
