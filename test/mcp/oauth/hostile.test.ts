import { describe, expect, it } from "vitest";
import { discover } from "../../../src/mcp/oauth/discovery.ts";
import { oauthFetch } from "../../../src/mcp/oauth/oauth-fetch.ts";
import { exchangeCode, tokenServerOf } from "../../../src/mcp/oauth/tokens.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { protectedServer } from "../../support/mcp/protected-server.ts";

const outbound = createOutbound();

/** Finds the authorization server of a scripted MCP server. */
function found(far: { url: string }, metadataUrl?: string, issuer?: string) {
  return discover({ serverUrl: far.url, metadataUrl, issuer, fetch: oauthFetch(outbound) });
}

describe("the metadata for a login", () => {
  it("is found at the well-known places", async () => {
    const far = protectedServer();
    const { metadata, resource, scopes } = await found(far);
    expect([metadata.issuer, resource, scopes]).toEqual([far.issuer.issuer, far.url, ["read"]]);
  });

  it("is that of the server's own origin where it has none as a resource, as in the revision 2025-03-26", async () => {
    const far = protectedServer();
    const { origin } = new URL(far.url);
    far.answer = (request) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/.well-known/oauth-authorization-server") return new Response(null, { status: 404 });
      return Response.json({
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        response_types_supported: ["code"],
        code_challenge_methods_supported: ["S256"],
      });
    };
    const { metadata, resource } = await found(far);
    expect([metadata.issuer, resource]).toEqual([origin, undefined]);
  });

  it("of another server is refused (T197)", async () => {
    const far = protectedServer();
    far.metadata = { resource: "https://bank.example.com/mcp" };
    await expect(found(far)).rejects.toThrow("that of another one, https://bank.example.com/mcp");
    expect(far.issuer.seen).toEqual([]);
  });

  it("of an authorization server that calls itself something else is refused (T197)", async () => {
    const far = protectedServer();
    far.issuer.metadata = { issuer: "https://accounts.example.com" };
    await expect(found(far)).rejects.toThrow(/names another authorization server/);
  });

  it.each([
    ["no list of PKCE methods", { code_challenge_methods_supported: undefined }, /PKCE/],
    ["only the plain method of PKCE", { code_challenge_methods_supported: ["plain"] }, /PKCE/],
    [
      "a page that is no web address",
      { authorization_endpoint: "file:///etc/passwd" },
      /not an https|unexpected/,
    ],
    ["a script for a page", { authorization_endpoint: "javascript:alert(1)" }, /not an https|unexpected/],
    ["a token endpoint without encryption", { token_endpoint: "http://10.0.0.1/token" }, /not https/],
    ["a registration with a password", { registration_endpoint: "https://a:b@x.org/r" }, /password/],
    ["a list in place of a text", { token_endpoint: [1] }, /unexpected/],
  ])("with %s is refused (T196)", async (_, metadata, message) => {
    const far = protectedServer();
    far.issuer.metadata = metadata;
    await expect(found(far)).rejects.toThrow(message);
  });

  it("that is huge, no JSON, or a redirect is refused, and nothing of it is repeated (T196)", async () => {
    const far = protectedServer();
    const answers: [() => Response, RegExp][] = [
      [() => new Response("x".repeat(300_000)), /over 128 KB/],
      [() => new Response("SECRET-TEXT"), /unexpected answer/],
      [() => Response.redirect("http://127.0.0.1:1/", 302), /redirects are not followed/],
      [() => Response.redirect(`${far.issuer.issuer}/elsewhere`, 307), /redirects are not followed/],
      [() => new Response("SECRET-TEXT", { status: 500 }), /unexpected answer/],
    ];
    for (const [answer, message] of answers) {
      far.answer = answer;
      const error = await found(far).catch((caught) => caught);
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain("SECRET-TEXT");
    }
    expect(far.issuer.seen).toEqual([]);
  });

  it("that does not come in time is given up (T196)", async () => {
    const far = protectedServer();
    far.answer = () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            await Bun.sleep(20);
            controller.enqueue(new Uint8Array(1));
          },
        }),
      );
    const fetch = oauthFetch(outbound, 100);
    const login = discover({ serverUrl: far.url, metadataUrl: undefined, issuer: undefined, fetch });
    await expect(login).rejects.toThrow(/did not answer in time/);
  });

  it("takes no more than a dozen requests (T196)", async () => {
    const far = protectedServer();
    const fetch = oauthFetch(outbound);
    for (let i = 0; i < 12; i++) await fetch(`${far.issuer.issuer}/x`);
    await expect(fetch(`${far.issuer.issuer}/x`)).rejects.toThrow(/too many/);
  });

  it("with another authorization server than the chosen one is refused (T198)", async () => {
    const far = protectedServer();
    await expect(found(far, undefined, "https://accounts.example.com")).rejects.toThrow(/oauth.issuer is/);
    const { metadata } = await found(far, undefined, `${far.issuer.issuer}/`);
    expect(metadata.issuer).toBe(far.issuer.issuer);
  });
});

describe("the tokens of an authorization server", () => {
  async function exchanged(answer: () => Response) {
    const far = protectedServer();
    const { metadata } = await found(far);
    far.issuer.onToken = answer;
    const client = { issuer: metadata.issuer, client_id: "c" };
    const common = { client, resource: undefined, fetch: oauthFetch(outbound), now: 1000 };
    return exchangeCode(
      { ...common, server: tokenServerOf(metadata) },
      { code: "SECRET-CODE", iss: metadata.issuer },
      { verifier: "v".repeat(43), redirectUri: "http://127.0.0.1:9/callback" },
    );
  }
  const token = { access_token: "SECRET-TOKEN", token_type: "bearer" };

  it("have an end where the server says one, and a year at most", async () => {
    expect(await exchanged(() => Response.json(token))).toEqual({
      accessToken: "SECRET-TOKEN",
      issuedAt: 1000,
    });
    const long = await exchanged(() => Response.json({ ...token, expires_in: 1e12 }));
    expect(long.expiresAt).toBe(1000 + 366 * 86_400_000);
    const odd = await exchanged(() => Response.json({ ...token, expires_in: -5 }));
    expect(odd.expiresAt).toBeUndefined();
  });

  it.each<[string, () => Response]>([
    ["a line break in a token", () => Response.json({ ...token, access_token: "SECRET-TOKEN\r\nx: y" })],
    ["a token without end", () => Response.json({ ...token, access_token: "a".repeat(20_000) })],
    ["an empty token", () => Response.json({ ...token, access_token: "" })],
    ["another type", () => Response.json({ ...token, token_type: "DPoP" })],
    ["no token", () => Response.json({ token_type: "bearer" })],
    ["a number for a token", () => Response.json({ ...token, access_token: 7 })],
    ["a refresh token with a tab", () => Response.json({ ...token, refresh_token: "a\tb" })],
    ["no JSON", () => new Response("SECRET-TOKEN")],
    ["JSON without end", () => new Response("[".repeat(100_000))],
    ["an error with a token in it", () => Response.json({ access_token: "SECRET-TOKEN" }, { status: 400 })],
    ["a redirect", () => Response.redirect("http://127.0.0.1:1/", 307)],
    [
      "an issuer of its own beside an error",
      () => Response.json({ error: "invalid_grant", issuer: "x" }, { status: 400 }),
    ],
  ])("are refused: %s; the error repeats nothing (T196)", async (_, answer) => {
    const error = await exchanged(answer).catch((caught) => caught);
    expect(error.name).toBe("LoginFailure");
    expect(error.message).not.toMatch(/SECRET/);
  });
});
