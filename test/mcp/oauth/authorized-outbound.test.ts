import { describe, expect, it } from "vitest";
import {
  type AccessTokenSource,
  AuthorizationNeeded,
  authorizedOutbound,
} from "../../../src/mcp/oauth/authorized-outbound.ts";
import { McpFailure } from "../../../src/mcp/rpc-error.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { protectedServer } from "../../support/mcp/protected-server.ts";

const plain = createOutbound();
const options = {
  method: "POST",
  headers: {},
  timeouts: { connect: 60_000, firstByte: 60_000, silence: 60_000 },
} as const;
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });

function source(tokens: readonly (string | undefined)[]): AccessTokenSource & { refusals: unknown[] } {
  const refusals: unknown[] = [];
  let next = 1;
  return {
    refusals,
    current: async () => tokens[0],
    async refused(token, refusal) {
      refusals.push([token, refusal]);
      const other = tokens[next++];
      if (other === undefined) throw new AuthorizationNeeded("no more", 401);
      return other;
    },
    lacksScope: async (refusal) => {
      refusals.push(refusal);
      return new AuthorizationNeeded("more scope", 403);
    },
  };
}

describe("a request with an access token", () => {
  it("is sent once more with another token after a refusal, and no further", async () => {
    const far = protectedServer();
    far.issuer.good.set("good", ["read"]);
    const url = new URL(far.url);
    const own = source(["old", "good"]);
    const response = await authorizedOutbound(plain, url, own)(url, { ...options, body });
    expect([response.status, far.seen]).toEqual([200, ["tools/list old", "tools/list good"]]);
    const metadataUrl = `${url.origin}/.well-known/oauth-protected-resource/mcp`;
    expect(own.refusals).toEqual([["old", { metadataUrl, scope: "read" }]]);
    const bad = authorizedOutbound(plain, url, source(["old", "older", "oldest"]));
    await expect(bad(url, { ...options, body })).rejects.toThrow(AuthorizationNeeded);
    expect(far.seen).toHaveLength(4);
  });

  it("says which scopes are missing, and passes other refusals on", async () => {
    const far = protectedServer();
    far.issuer.good.set("good", ["read"]);
    far.needs = { "tools/list": "admin" };
    const url = new URL(far.url);
    const own = source(["good"]);
    const send = authorizedOutbound(plain, url, own);
    await expect(send(url, { ...options, body })).rejects.toThrow("more scope");
    expect(own.refusals).toEqual([expect.objectContaining({ scope: "admin" })]);
    far.answer = () => new Response("no", { status: 403 });
    expect((await send(url, { ...options, body })).status).toBe(403);
  });

  it("has the token at the origin of the server, and at no other (T198)", async () => {
    const [far, other] = [protectedServer(), protectedServer()];
    const send = authorizedOutbound(plain, new URL(far.url), source(["secret"]));
    const { status } = await send(new URL(other.url), { ...options, body });
    expect([status, other.seen]).toEqual([401, ["tools/list -"]]);
  });

  it("is about the session, and no token, where a 401 without a challenge says so", async () => {
    const far = protectedServer();
    const url = new URL(far.url);
    const words = "Unauthorized: Session not found";
    const own = source(["good"]);
    const send = (headers: Record<string, string>) =>
      authorizedOutbound(plain, url, own)(url, { ...options, headers, body });
    far.answer = () => new Response(words, { status: 401 });
    await expect(send({ "mcp-session-id": "s-1" })).rejects.toMatchObject({
      kind: "session",
      isUnsent: true,
    });
    expect(own.refusals).toEqual([]);
    await expect(send({})).rejects.toThrow(AuthorizationNeeded);
    far.answer = () => new Response(words, { status: 401, headers: { "www-authenticate": "Bearer" } });
    await expect(send({ "mcp-session-id": "s-1" })).rejects.toThrow(AuthorizationNeeded);
    expect(own.refusals).toHaveLength(2);
  });

  it("takes nothing but scopes from a refusal, however odd it is", async () => {
    const far = protectedServer();
    const url = new URL(far.url);
    for (const header of [
      'Bearer scope="a\tb \u00e9 ok"',
      `Bearer ${"x=y, ".repeat(5000)}`,
      "Basic realm=x",
      'Bearer resource_metadata="not a url"',
    ]) {
      far.answer = () => new Response(null, { status: 401, headers: { "www-authenticate": header } });
      const own = source([undefined]);
      await expect(authorizedOutbound(plain, url, own)(url, { ...options, body })).rejects.toThrow(
        McpFailure,
      );
      const [[, refusal]] = own.refusals as [[unknown, { metadataUrl: unknown; scope: unknown }]];
      expect(refusal.metadataUrl).toBeUndefined();
      expect([undefined, "ok"]).toContain(refusal.scope);
    }
  });
});
