import { describe, expect, it } from "vitest";
import { oauthFetch } from "../../../../src/mcp/oauth/oauth-fetch.ts";
import { createOutbound } from "../../../../src/net/outbound.ts";
import { Renewals } from "../../../../src/server/mcp/authorization/renewals.ts";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { agreed, isNeeded, loginPath } from "../../../support/mcp/log-in.ts";
import { protectedServer } from "../../../support/mcp/protected-server.ts";
import { type McpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";
import { nodes } from "../../cluster/nodes.ts";

describe("the access to an MCP server of two servers of mcpctl", () => {
  it("is begun at one and given at the other, and is renewed once for both (failure mode 177)", async () => {
    let time = Date.now();
    const far = protectedServer();
    const { nodes: started } = await nodes(["a", "b"], { now: () => time });
    const [a, b] = started as [McpTestServer, McpTestServer];
    await a.attach("far", { url: far.url });
    await until(() => a.row("far"), isNeeded);
    await until(
      async () => (await b.admin("GET", "/api/v1/servers/far")).status,
      (status) => status === 200,
    );
    const parameters = await agreed(far, a.admin);
    await until(
      async () => (await b.admin("POST", `${loginPath}/answer`, parameters)).status,
      (status) => status === 200,
    );
    const works = (node: McpTestServer) =>
      until(
        () => node.call("look").catch(() => ({ text: undefined })),
        ({ text }) => text === "look done",
      );
    await Promise.all([works(a), works(b)]);
    const refreshes = () =>
      far.issuer.of("/token").filter(({ params }) => params["grant_type"] === "refresh_token");
    for (let round = 1; round <= 2; round++) {
      far.issuer.good.clear();
      time += 3_700_000;
      const calls = Array.from({ length: 6 }, () => [a.call("look"), b.call("look")]).flat();
      for (const { text, error } of await Promise.all(calls))
        expect([text, error]).toEqual(["look done", undefined]);
      expect(refreshes()).toHaveLength(round);
    }
    await must(b.admin("DELETE", loginPath));
    await until(
      async () => (await a.row("far")).authorization?.status,
      (status) => status === "needed",
    );
  });
});

describe("the renewal of a token that another server of mcpctl has begun", () => {
  /** An authorization in memory, which another server renews now. */
  function claimed() {
    const far = protectedServer();
    const { issuer } = far.issuer;
    far.issuer.refreshTokens.add("rt");
    const record = {
      server: { issuer, token_endpoint: `${issuer}/token`, authorization_endpoint: `${issuer}/authorize` },
      client: { issuer, client_id: "c" },
      tokens: { accessToken: "old", refreshToken: "rt", issuedAt: 0 },
    };
    // biome-ignore lint/suspicious/noExplicitAny: only some of its fields are used
    let row: any = { id: "aut_1", status: { state: "authorized", refreshing: "theirs" } };
    // biome-ignore lint/suspicious/noExplicitAny: only some of its fields are used
    let kept: any = record;
    const clock = new FakeClock();
    const store = {
      byId: () => row,
      record: async () => kept,
      // biome-ignore lint/suspicious/noExplicitAny: only some of its fields are used
      change: async (_: string, step: (row: any, record: any) => any) => {
        const next = step(row, kept);
        if (next) row = { ...row, status: next.status };
        if (next?.record) kept = next.record;
        return row;
      },
    };
    const outbound = createOutbound();
    const renewals = new Renewals({
      catalogue: { refresh: async () => undefined },
      store,
      network: { fetchFor: async () => oauthFetch(outbound) },
      isShared: true,
      now: () => 1000,
      time: clock,
      onError: () => undefined,
    } as unknown as ConstructorParameters<typeof Renewals>[0]);
    const server = { spec: { url: far.url } } as Parameters<Renewals["renew"]>[1];
    return {
      far,
      clock,
      renew: () => renewals.renew(row, server, "old"),
      finish: (tokens: object) => {
        kept = { ...record, tokens };
        row = { ...row, status: { state: "authorized" } };
      },
    };
  }

  it("waits for its end, and uses what it got", async () => {
    const { far, clock, renew, finish } = claimed();
    const renewing = renew();
    await clock.advance(10_000);
    finish({ accessToken: "new", issuedAt: 1 });
    let tokens: { accessToken: string } | undefined;
    void renewing.then((found) => {
      tokens = found;
    });
    await clock.until(() => tokens !== undefined, 250);
    expect([tokens!.accessToken, far.issuer.of("/token")]).toEqual(["new", []]);
  });

  it("takes its place when it has died, once a server that lives would have ended (failure mode 177)", async () => {
    const { far, clock, renew } = claimed();
    let tokens: { accessToken: string } | undefined;
    void renew().then((found) => {
      tokens = found;
    });
    await clock.advance(30_000);
    expect(far.issuer.of("/token")).toEqual([]);
    await clock.until(() => tokens !== undefined, 1000);
    expect(far.issuer.of("/token")).toHaveLength(1);
    expect(far.issuer.good.has(tokens!.accessToken)).toBe(true);
  });
});
