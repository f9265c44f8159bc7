import { mkdirSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { must, testServer } from "../support/server.ts";
import { shared } from "../support/shared.ts";
import { upstream } from "../support/upstream.ts";
import {
  axeFindings,
  hasChromium,
  openPage,
  signInTo,
  startBrowser,
  type WatchedPage,
} from "../support/web/browser.ts";
import { shiftsOf, tabFaults, watchShifts } from "../support/web/checks.ts";
import { chatAnswer, hostile, hostileCatalogue } from "../support/web/hostile.ts";

/** Every place of the page. */
const places = [
  "overview",
  "models",
  "models/llms/gpt",
  "models/pools",
  "models/personas",
  "models/workstations",
  "playground",
  "calls",
  "access/tokens",
  "access/clients",
  "access/users",
  "access/users/eve",
  "access/groups",
  "access/groups/friends",
  "access/bindings",
  "access/bindings/of-root",
  "access/rights",
  "access/limits",
  "mcp/servers",
  "mcp/servers/files",
  "mcp/projects",
  "mcp/projects/website",
  "mcp/requests",
  "secrets",
  "settings",
];

/** Pictures for people, where a folder is named. */
const pictures = process.env["WEB_PICTURES"];

const narrow = { width: 360, height: 780 };
const wide = { width: 1280, height: 720 };

async function goTo(page: Page, place: string): Promise<void> {
  await page.evaluate(`location.hash = "#/${place}"`);
  await page.locator("main h1").waitFor();
  await page.locator(".bones").first().waitFor({ state: "detached" });
}

const colours = ["color-contrast"];

describe.skipIf(!hasChromium)("the screens in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  /** A server with a catalogue that is full of markup. Tests add to it, and change what no other test looks at. */
  const hostileServer = shared(async () => {
    const provider = upstream((request, connection) => chatAnswer(request, connection));
    const server = await testServer();
    await hostileCatalogue(server, provider.url);
    return server;
  });

  let ofRoot: Promise<WatchedPage> | undefined;

  /** Returns the page of somebody with all rights. It is signed in for the first test, and again after one that failed. */
  function pageOfRoot(): Promise<WatchedPage> {
    onTestFailed(() => {
      ofRoot = undefined;
    });
    ofRoot ??= signedIn("root");
    return ofRoot;
  }

  async function signedIn(user: string): Promise<WatchedPage> {
    const context = await browser.newContext({ viewport: narrow });
    const watched = await openPage(context);
    await watchShifts(watched.page);
    await signInTo(watched.page, hostileServer().url, user);
    return watched;
  }

  it.each([
    ["the models", places.slice(0, 8)],
    ["access", places.slice(8, 18)],
    ["MCP and the rest", places.slice(18)],
  ] as const)(
    "show texts of others as texts, have no fault that axe finds, fit into 360 pixels, do not jump, and are used by keyboard (T272): %s",
    async (_what, shown) => {
      const { page, faults } = await pageOfRoot();
      await page.setViewportSize(narrow);
      await shiftsOf(page);
      for (const place of shown) {
        await goTo(page, place);
        expect(await shiftsOf(page), place).toEqual([]);
        expect(await tabFaults(page), place).toEqual([]);
        expect(
          await page.evaluate("window.pwned === undefined && !document.querySelector('.pwned')"),
          place,
        ).toBe(true);
        expect(
          await page.evaluate("document.documentElement.scrollWidth - innerWidth"),
          place,
        ).toBeLessThanOrEqual(0);
        expect(await axeFindings(page), place).toEqual([]);
        if (pictures !== undefined) await photograph(page, place, "light");
        // Colours are what is different in the dark.
        await page.emulateMedia({ colorScheme: "dark" });
        expect(await axeFindings(page, colours), place).toEqual([]);
        if (pictures !== undefined) await photograph(page, place, "dark");
        await page.emulateMedia({ colorScheme: "light" });
        await shiftsOf(page);
      }
      expect(faults).toEqual([]);
    },
  );

  it("chat with a model whose answer is markup: it is formatted, and nothing of it runs or loads (T77, T272)", async () => {
    const { page, faults } = await pageOfRoot();
    await page.setViewportSize(wide);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).host));
    await goTo(page, "playground?model=gpt");
    await page.getByLabel("Message").fill("hi");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("tokens/s").or(page.getByText("first token after")).waitFor();
    const answer = page.locator(".markdown");
    expect(await answer.locator("strong").textContent()).toBe("bold");
    expect(
      await answer
        .locator("img, script, iframe, svg, style, form, input, button, [onerror], [style], [id]")
        .count(),
    ).toBe(0);
    expect(
      await answer.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href"))),
    ).toEqual(["https://example.org/track.png", null, "https://example.org/"]);
    expect(await page.evaluate("window.pwned")).toBeUndefined();
    expect(new Set(asked)).toEqual(new Set([new URL(hostileServer().url).host]));
    expect(faults).toEqual([]);
  });

  it("add a provider with its key, make a token that is shown once, and approve a prompt, by keyboard", async () => {
    const server = hostileServer();
    const provider = upstream((request, connection) => chatAnswer(request, connection));
    const { page, faults } = await pageOfRoot();
    await page.setViewportSize(wide);
    const press = async (name: string) => {
      await page.getByRole("button", { name, exact: true }).first().focus();
      await page.keyboard.press("Enter");
    };
    await goTo(page, "models");
    await press("Add a provider");
    await press("ollama");
    await page.getByLabel("Model", { exact: true }).fill("vendor/Qwen-3:8b");
    await page.getByLabel("Address").fill(provider.url);
    await page.getByLabel("Key", { exact: true }).fill("sk-of-a-test");
    await page.keyboard.press("Enter");
    await page.getByText("qwen-3-8b is ready").waitFor();
    await press("Done");
    const { body: made } = await server.admin("GET", "/api/v1/llms/qwen-3-8b");
    expect(made).toMatchObject({
      type: "ollama",
      model: "vendor/Qwen-3:8b",
      apiKeyRef: { name: "qwen-3-8b-key", key: "api-key" },
    });
    await page.getByRole("link", { name: "qwen-3-8b" }).waitFor();
    expect(await page.content()).not.toContain("sk-of-a-test");

    await goTo(page, "access/tokens");
    await press("New token");
    await page.getByLabel("Name").fill("ci");
    await press("Make the token");
    await page.getByText("it is shown this once").waitFor();
    const bearer = /mcpctl_pat_\w{39}/.exec((await page.locator("dialog pre").textContent())!)![0];
    expect((await server.as(bearer)("GET", "/api/v1/auth/whoami")).body).toMatchObject({
      kind: "Token",
      token: "ci",
    });
    await page.keyboard.press("Escape");
    await page.locator("main").getByText("ci", { exact: true }).waitFor();
    expect(await page.content()).not.toContain(bearer);

    await goTo(page, "mcp/requests");
    await press("Read style");
    await page.locator(".diff .added").first().waitFor();
    expect(await page.locator(".diff .removed").count()).toBe(1);
    await press("Approve");
    await page.getByText("approved", { exact: true }).waitFor();
    const { body: prompts } = await server.admin("GET", "/api/v1/prompts?name=style");
    expect(prompts[0].content).toContain(hostile);
    expect(faults).toEqual([]);
  });

  it("show a user who may see little what it may see, and say kindly what not", async () => {
    const server = hostileServer();
    await server.user("alice", [{ role: "run", resource: "llms", name: "gpt" }]);
    const { page, faults } = await signedIn("alice");
    await page.setViewportSize(wide);
    for (const place of places) {
      await goTo(page, place);
      expect(await page.locator("main").textContent(), place).not.toContain("sk-");
      expect(await axeFindings(page), place).toEqual([]);
    }
    await goTo(page, "calls");
    await page.getByText("You may not see this").first().waitFor();
    await goTo(page, "playground");
    await page.locator('select[aria-label="Model"] option').first().waitFor({ state: "attached" });
    expect(await page.getByLabel("Model", { exact: true }).first().inputValue()).toBe("gpt");
    expect(await server.as()("GET", "/api/v1/llms")).toMatchObject({ status: 401 });
    expect(faults).toEqual([]);
  });

  it("follow calls as they are made, and open one to its story", async () => {
    const server = hostileServer();
    const { page, faults } = await pageOfRoot();
    await page.setViewportSize(wide);
    await goTo(page, "calls");
    const row = () => page.evaluate("document.activeElement.closest('[data-row]')?.dataset.row");
    await page.locator(".event").first().focus();
    const last = String((await page.locator(".event").count()) - 1);
    const keys = ["ArrowUp", "ArrowDown", "Home", "PageDown", "ArrowDown"];
    const rows = [];
    for (const key of keys) {
      await page.keyboard.press(key);
      rows.push(await row());
    }
    expect(rows).toEqual(["0", "1", "0", last, last]);
    await page.keyboard.press("Tab");
    expect(await row()).toBeUndefined();
    await goTo(page, "calls?text=root-token");
    const { call } = await server.token("root-token", [{ role: "run", resource: "llms" }]);
    const body = { model: "gpt", messages: [{ role: "user", content: "a secret question" }] };
    const { headers } = await must(call("POST", "/v1/chat/completions", body));
    await page.locator(".event").first().click();
    await page.getByRole("dialog").getByText("Call of a model: gpt").waitFor();
    const story = (await page.getByRole("dialog").textContent())!;
    expect(story).toContain(headers.get("x-request-id"));
    expect(story).toContain("with the token root-token");
    expect(story).not.toContain("a secret question");
    expect(faults).toEqual([]);
  });
});

async function photograph(page: Page, place: string, colours: string): Promise<void> {
  mkdirSync(pictures!, { recursive: true });
  const { width, height } = page.viewportSize()!;
  for (const size of [360, 1280, 2560]) {
    await page.setViewportSize({ width: size, height: size === 2560 ? 1440 : 800 });
    await page.screenshot({ path: `${pictures}/${place.replaceAll("/", "-")}-${size}-${colours}.png` });
  }
  await page.setViewportSize({ width, height });
}
