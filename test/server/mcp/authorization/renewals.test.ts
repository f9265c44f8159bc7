import { describe, expect, it } from "vitest";
import { isNeeded, isReady, logIn } from "../../../support/mcp/log-in.ts";
import { protectedServer } from "../../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";

/** A server of mcpctl that has access to an MCP server, whose clock the test sets. */
async function authorized() {
  let time = Date.now();
  const far = protectedServer();
  const mcp = await mcpTestServer({ now: () => time });
  await mcp.attach("far", { url: far.url });
  await until(() => mcp.row("far"), isNeeded);
  await logIn(far, mcp.admin);
  await until(() => mcp.row("far"), isReady);
  const refreshes = () =>
    far.issuer.of("/token").filter(({ params }) => params["grant_type"] === "refresh_token");
  const pass = (seconds: number) => {
    time += seconds * 1000;
  };
  /** Ends the access tokens, as their time does. */
  const expire = () => {
    far.issuer.good.clear();
    pass(3700);
  };
  return { far, mcp, refreshes, pass, expire };
}

describe("an access token", () => {
  it("that is over is renewed once for all calls, with the new refresh token each time (failure mode 177)", async () => {
    const { far, mcp, refreshes, expire } = await authorized();
    for (let round = 1; round <= 2; round++) {
      expire();
      const results = await Promise.all(Array.from({ length: 12 }, () => mcp.call("look")));
      expect(results.every(({ text }) => text === "look done")).toBe(true);
      expect(refreshes()).toHaveLength(round);
    }
    expect(refreshes()[0]!.params).toMatchObject({ resource: far.url });
    expect(far.issuer.refreshTokens.size).toBe(1);
  });

  it("that the server refuses before its time is renewed, and the call is sent again", async () => {
    const { far, mcp, refreshes, pass } = await authorized();
    far.issuer.good.clear();
    pass(60);
    expect(await mcp.call("look")).toEqual({ text: "look done" });
    expect(refreshes()).toHaveLength(1);
  });

  it("is renewed a minute before its end, while calls go on with the old one (failure mode 178)", async () => {
    const { far, mcp, refreshes, pass } = await authorized();
    pass(3600 - 30);
    far.issuer.onToken = () => new Response("down", { status: 503 });
    for (let i = 0; i < 3; i++) expect(await mcp.call("look")).toEqual({ text: "look done" });
    const row = await until(
      () => mcp.row("far"),
      ({ authorization }) => authorization.problem !== null,
    );
    expect(refreshes().length).toBeGreaterThan(0);
    expect(row.authorization).toMatchObject({ status: "authorized", renews: true });
  });

  it("of an authorization server that is down fails calls, which succeed when it is back (failure mode 178)", async () => {
    const { far, mcp, expire } = await authorized();
    expire();
    far.issuer.onToken = () => new Response("down", { status: 503 });
    expect((await mcp.call("look")).error?.message).toMatch(/cannot be renewed|not available/);
    far.issuer.onToken = () => undefined;
    const { text } = await until(
      () => mcp.call("look"),
      (result) => result.text !== undefined,
    );
    expect(text).toBe("look done");
    expect((await mcp.row("far")).authorization).toMatchObject({ status: "authorized", problem: null });
  });

  it("whose refresh token was taken back needs a person, who is told why (failure mode 179)", async () => {
    const { far, mcp, expire, refreshes } = await authorized();
    expire();
    far.issuer.refreshTokens.clear();
    expect((await mcp.call("look")).error?.message).toMatch(/far/);
    const row = await until(
      () => mcp.row("far"),
      ({ authorization }) => authorization.status === "expired",
    );
    expect(row.conditions).toEqual([
      {
        type: "NeedsAuthorization",
        message: expect.stringMatching(/invalid_grant.*mcpctl authorize server far/),
      },
    ]);
    for (let i = 0; i < 5; i++) await mcp.call("look");
    expect(refreshes()).toHaveLength(1);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    expect(await mcp.call("look")).toEqual({ text: "look done" });
  });

  it("that a server refuses for a while works again without a person (failure mode 180)", async () => {
    const { far, mcp, pass } = await authorized();
    far.answer = () => new Response(null, { status: 401 });
    pass(60);
    expect((await mcp.call("look")).error?.message).toMatch(/far/);
    const before = await until(
      () => mcp.row("far"),
      ({ authorization }) => authorization.status === "expired",
    );
    expect(before.conditions).toEqual([{ type: "NeedsAuthorization", message: expect.any(String) }]);
    far.answer = () => undefined;
    await until(
      () => mcp.call("look"),
      ({ text }) => text === "look done",
    );
    const after = await mcp.row("far");
    expect([after.authorization.status, after.conditions]).toEqual(["authorized", []]);
  });

  it("that a server refuses again and again is not renewed again and again (failure mode 180)", async () => {
    const { far, mcp, pass, refreshes } = await authorized();
    far.answer = () => new Response(null, { status: 401 });
    for (let i = 0; i < 6; i++) {
      pass(60);
      await mcp.call("look");
    }
    expect(refreshes()).toHaveLength(1);
  });

  it("without a refresh token is used to its end, and then needs a person", async () => {
    const far = protectedServer();
    far.issuer.givesRefresh = false;
    let time = Date.now();
    const mcp = await mcpTestServer({ now: () => time });
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    expect((await mcp.row("far")).authorization.renews).toBe(false);
    far.issuer.good.clear();
    time += 3_700_000;
    expect((await mcp.call("look")).error?.message).toMatch(/mcpctl authorize server far/);
  });
});
