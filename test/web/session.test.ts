import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testServer } from "../support/server.ts";
import { hasChromium, openPage, signInTo, startBrowser } from "../support/web/browser.ts";
import { restartableServer } from "../support/web/restart.ts";

if (!hasChromium) process.stderr.write("test/web is skipped: there is no /usr/bin/chromium\n");

describe.skipIf(!hasChromium)("the page in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  it("signs in with a password, keeps no bearer where scripts can read it, and signs out in all tabs (T267)", async () => {
    const server = await testServer();
    await server.user("alice");
    const context = await browser.newContext();
    const { page, faults } = await openPage(context);
    await page.goto(server.url);
    await page.getByLabel("User").fill("alice");
    await page.getByLabel("Password").fill("wrong-password");
    await page.keyboard.press("Enter");
    await page.getByText("Wrong user or password.").waitFor();
    await signInTo(page, server.url, "alice");
    const kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage]) + document.cookie");
    expect(kept).toContain("mcpctl.page");
    expect(kept).not.toMatch(/mcpctl_(ses|pat)_|mcpctl-\d/);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/" });
    const second = await openPage(context);
    await second.page.goto(server.url);
    await second.page.getByText("alice").first().waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    for (const one of [page, second.page]) await one.getByRole("button", { name: "Sign in" }).waitFor();
    expect([...faults, ...second.faults]).toEqual([]);
    await context.close();
  });

  it("explains a first visit, and a link of mcpctl ui signs in once (T273)", async () => {
    const server = await testServer();
    const context = await browser.newContext();
    const { page, faults } = await openPage(context);
    await page.goto(server.url);
    await page.getByText("This server is new: no user has a password yet.").waitFor();
    expect(await page.getByLabel("Password").count()).toBe(0);
    const { body } = await server.admin("POST", "/api/v1/auth/page-code");
    await page.goto("about:blank");
    await page.goto(body.url);
    await page.getByText("Administrator").waitFor();
    expect(page.url()).not.toContain("code");
    const other = await browser.newContext();
    const late = await openPage(other);
    await late.page.goto(body.url);
    await late.page.getByText("This link has been used or is too old.").waitFor();
    expect([...faults, ...late.faults]).toEqual([]);
    await Promise.all([context.close(), other.close()]);
  });

  it("says when the server is gone, goes on by itself when it is back, and stays signed in (failure mode 226)", async () => {
    const { server, restart } = await restartableServer();
    await server.user("alice", [{ role: "view", resource: "*" }]);
    const context = await browser.newContext();
    const { page } = await openPage(context);
    await signInTo(page, server.url, "alice");
    await server.stop();
    await page.getByText("The server cannot be reached.").waitFor();
    await restart();
    await page.getByText("The server cannot be reached.").waitFor({ state: "detached" });
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await context.close();
  });

  it("cannot be used by a page of another origin, also on another port of the same host (T268, T269)", async () => {
    const server = await testServer();
    await server.user("alice");
    const context = await browser.newContext();
    const { page } = await openPage(context);
    await signInTo(page, server.url, "alice");
    const other = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        cookies.push(request.headers.get("cookie") ?? "");
        return new Response("<p>other</p>", { headers: { "content-type": "text/html" } });
      },
    });
    const cookies: string[] = [];
    await page.goto(`http://127.0.0.1:${other.port}/`);
    // The browser sends the cookie there: it is worth nothing without the other half.
    const [, cookie] = /(mcpctl-\d+=[\w-]+)/.exec(cookies[0]!)!;
    expect((await server.as()("GET", "/api/v1/auth/whoami", undefined, { cookie: cookie! })).status).toBe(
      401,
    );
    const tried = await page.evaluate(`Promise.all([
      fetch("${server.url}/api/v1/auth/whoami", { credentials: "include" }).then(() => "read", () => "refused"),
      fetch("${server.url}/api/v1/auth/logout", { method: "POST", credentials: "include", mode: "no-cors" }).then(() => "sent", () => "refused"),
      fetch("${server.url}/api/v1/auth/whoami", { credentials: "include", headers: { "x-mcpctl-page": "x" } }).then(() => "read", () => "refused"),
      localStorage.getItem("mcpctl.page"),
      new Promise((done) => { const frame = document.createElement("iframe"); frame.src = "${server.url}/"; frame.onload = () => done(String(frame.contentDocument)); document.body.append(frame); }),
    ])`);
    expect(tried).toEqual(["refused", "sent", "refused", null, "null"]);
    await page.goto(server.url);
    await page.getByText("alice").first().waitFor();
    other.stop(true);
    await context.close();
  });
});
