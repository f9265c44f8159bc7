import {
  Client,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { said, scriptedMcp, tool } from "../support/mcp/http-server.ts";
import { queryOf, registered, requestFor } from "../support/mcp/oauth-client.ts";
import { type TestProject, testProject } from "../support/mcp/project.ts";
import { axeFindings, hasChromium, openPage, startBrowser } from "../support/web/browser.ts";
import { hostile } from "../support/web/hostile.ts";

const runP = [{ role: "run", resource: "projects", name: "p" }];

/** A program that waits on this machine for the browser to come back, as MCP clients do. */
function callback() {
  const came: URL[] = [];
  const waiting = Promise.withResolvers<URL>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const url = new URL(request.url);
      if (url.pathname !== "/callback") return new Response(null, { status: 404 });
      came.push(url);
      waiting.resolve(url);
      return new Response("done");
    },
  });
  onTestFinished(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/callback`, came, next: waiting.promise };
}

/** The memory of an MCP client on the official SDK. */
class Memory implements OAuthClientProvider {
  readonly redirectUrl: string;
  opened: URL | undefined;
  #kept = new Map<string, unknown>();

  constructor(redirectUrl: string) {
    this.redirectUrl = redirectUrl;
  }

  get clientMetadata(): OAuthClientMetadata {
    return { client_name: "SDK client", redirect_uris: [this.redirectUrl] };
  }

  state = () => "state-of-sdk";
  clientInformation = () => this.#kept.get("client") as ReturnType<OAuthClientProvider["clientInformation"]>;
  saveClientInformation = (client: unknown) => void this.#kept.set("client", client);
  tokens = () =>
    this.#kept.get("tokens") as { access_token: string; refresh_token: string; token_type: string };
  saveTokens = (tokens: unknown) => void this.#kept.set("tokens", tokens);
  saveDiscoveryState = (state: unknown) => void this.#kept.set("discovery", state);
  discoveryState = () =>
    this.#kept.get("discovery") as ReturnType<NonNullable<OAuthClientProvider["discoveryState"]>>;
  invalidateCredentials = (scope: string) => void this.#kept.delete(scope);
  saveCodeVerifier = (verifier: string) => void this.#kept.set("verifier", verifier);
  codeVerifier = () => this.#kept.get("verifier") as string;
  redirectToAuthorization(url: URL): void {
    this.opened = url;
  }
}

async function signIn(page: import("playwright-core").Page, user: string): Promise<void> {
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(`${user}-password`);
  await page.getByRole("button", { name: "Sign in" }).click();
}

describe.skipIf(!hasChromium)("the consent page in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  async function project(): Promise<TestProject> {
    const p = await testProject();
    const far = scriptedMcp("modern", {
      "tools/list": () => ({ tools: [tool("look")] }),
      "tools/call": () => said("seen"),
    });
    await p.attach("far", far.url);
    await p.user("alice", runP);
    return p;
  }

  it("lets the official SDK's client in: it registers, the user allows it, it works, renews, and is out when revoked", async () => {
    const p = await project();
    const back = callback();
    const memory = new Memory(back.url);
    const transport = () => new StreamableHTTPClientTransport(new URL(p.endpoint), { authProvider: memory });
    const client = new Client({ name: "test", version: "1" });
    const first = transport();
    await expect(client.connect(first)).rejects.toThrow(UnauthorizedError);
    const context = await browser.newContext();
    const { page, faults } = await openPage(context);
    await page.goto(memory.opened!.href);
    await signIn(page, "alice");
    await page.getByRole("heading", { name: "SDK client wants to use “p”" }).waitFor();
    expect(await page.getByText("Nobody has checked its name.").count()).toBe(1);
    expect(await page.getByText(new URL(back.url).host).count()).toBe(1);
    expect(await axeFindings(page)).toEqual([]);
    await page.getByRole("button", { name: "Allow" }).click();
    const came = await back.next;
    expect(came.searchParams.get("state")).toBe("state-of-sdk");
    expect(came.searchParams.get("iss")).toBe(p.url);
    await first.finishAuth(came.searchParams);
    await client.connect(transport());
    onTestFinished(() => client.close());
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["look"]);

    // The SDK renews by itself when its token is refused.
    const { access_token: before, ...others } = memory.tokens();
    memory.saveTokens({ ...others, access_token: "mcpctl_acc_old" });
    expect((await client.listTools()).tools).toHaveLength(1);
    expect([before, "mcpctl_acc_old"]).not.toContain(memory.tokens().access_token);

    const alice = await p.as()("POST", "/api/v1/auth/login", { user: "alice", password: "alice-password" });
    const call = p.as(alice.body.token);
    const [grant] = (await call("GET", "/api/v1/grants")).body;
    expect(grant).toMatchObject({ client: "SDK client", status: "active" });
    expect((await call("DELETE", `/api/v1/grants/${grant.name}`)).status).toBe(204);
    await expect(client.listTools()).rejects.toThrow(UnauthorizedError);
    expect(back.came).toHaveLength(1);
    expect(faults).toEqual([]);
    await context.close();
  });

  it("tells the client that its user denies, and gives it nothing", async () => {
    const p = await project();
    const back = callback();
    const request = requestFor(p, await registered(p, { redirect_uris: [back.url] }), {
      redirect_uri: back.url,
    });
    const context = await browser.newContext();
    const { page } = await openPage(context);
    await page.goto(`${p.url}/oauth/authorize${queryOf(request)}`);
    await signIn(page, "alice");
    await page.getByRole("button", { name: "Deny" }).click();
    const { searchParams } = await back.next;
    expect([searchParams.get("error"), searchParams.has("code")]).toEqual(["access_denied", false]);
    expect((await p.admin("GET", "/api/v1/grants")).body).toEqual([]);
    await context.close();
  });

  it("shows names of clients as texts, sends nobody to an unchecked address, and is in no frame (T276, T277)", async () => {
    const p = await project();
    const back = callback();
    const id = await registered(p, { client_name: hostile, redirect_uris: [back.url] });
    const context = await browser.newContext({ viewport: { width: 360, height: 780 } });
    const { page, faults } = await openPage(context);
    const open = (more: Record<string, string>) =>
      page.goto(`${p.url}/oauth/authorize${queryOf(requestFor(p, id, more))}`);
    const response = await open({ redirect_uri: back.url });
    expect(response?.headers()["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(response?.headers()["x-frame-options"]).toBe("DENY");
    await signIn(page, "alice");
    await page.getByRole("button", { name: "Allow" }).waitFor();
    expect(await page.locator("h1").textContent()).toContain('"><img class="pwned"');
    expect(await page.evaluate("window.pwned === undefined && !document.querySelector('.pwned')")).toBe(true);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    await open({ redirect_uri: `${back.url}/../elsewhere` });
    await page.getByText("The redirect_uri is not one of this client.").waitFor();
    expect(await page.getByRole("button").count()).toBe(0);
    await open({ redirect_uri: back.url, code_challenge_method: "plain" });
    await page.getByText("code_challenge_method must be S256").waitFor();
    expect(await page.getByRole("button", { name: "Allow" }).count()).toBe(0);
    expect(back.came).toEqual([]);
    await page.getByRole("button", { name: "Tell the client" }).click();
    expect((await back.next).searchParams.get("error")).toBe("invalid_request");
    expect(faults).toEqual([]);
    await context.close();
  });
});
