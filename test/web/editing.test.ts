import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { must, type TestServer, testServer } from "../support/server.ts";
import { shared } from "../support/shared.ts";
import { hasChromium, openPage, signInTo, startBrowser, type WatchedPage } from "../support/web/browser.ts";

const everything = [
  { role: "edit", resource: "*" },
  { role: "run", resource: "*" },
  { role: "expose", resource: "*" },
  { role: "run", action: "backup" },
  { role: "run", action: "host-processes" },
];

async function goTo(page: Page, place: string): Promise<void> {
  await page.evaluate(`location.hash = "#/${place}"`);
  await page.locator("main h1").waitFor();
  await page.locator(".bones").first().waitFor({ state: "detached" });
}

const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).last().click();
const done = (page: Page, text: string) => page.locator(".toasts").getByText(text, { exact: true }).waitFor();

describe.skipIf(!hasChromium)("changing things in the page", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  /** A server with two llms and a user with all rights. Tests add to it. */
  const served = shared(async () => {
    const made = await testServer();
    await made.user("root", everything);
    for (const name of ["gpt", "claude"])
      await must(
        made.admin("POST", "/api/v1/llms?probe=false", {
          ...{ name, type: "ollama", model: "m", url: "http://127.0.0.1:9" },
        }),
      );
    return made;
  });

  /** Opens the page as a user. */
  async function pageOf(user: string): Promise<WatchedPage> {
    const watched = await openPage(await browser.newContext({ acceptDownloads: true }));
    await signInTo(watched.page, served().url, user);
    return watched;
  }

  let ofRoot: Promise<WatchedPage> | undefined;

  /** Returns the page of the user with all rights. It is signed in for the first test, and again after one that failed. */
  async function pageOfRoot(): Promise<WatchedPage & { server: TestServer }> {
    onTestFailed(() => {
      ofRoot = undefined;
    });
    ofRoot ??= pageOf("root");
    return { server: served(), ...(await ofRoot) };
  }

  it("makes users, changes them, keeps them from signing in, and deletes them; groups have members", async () => {
    const { server, page, faults } = await pageOfRoot();
    const login = (password: string) =>
      server.as()("POST", "/api/v1/auth/login", { user: "alice", password });
    await goTo(page, "access/users");
    await press(page, "New user");
    await page.getByLabel("Name", { exact: true }).fill("alice");
    await page.getByLabel("Password", { exact: true }).fill("open sesame");
    expect(await page.locator("dialog pre").textContent()).toBe("mcpctl create user alice --password-stdin");
    await press(page, "Create");
    await done(page, "Created alice");
    expect((await login("open sesame")).status).toBe(200);

    await page.getByRole("link", { name: "alice" }).click();
    await page.getByLabel("Display name").fill("Alice B");
    await page.getByLabel("Password", { exact: true }).fill("another sesame");
    await press(page, "Save");
    await done(page, "Saved alice");
    expect((await login("open sesame")).status).toBe(401);
    expect((await server.admin("GET", "/api/v1/users/alice")).body).toMatchObject({ displayName: "Alice B" });

    await goTo(page, "access/groups");
    await press(page, "New group");
    await page.getByLabel("Name", { exact: true }).fill("friends");
    for (const member of ["alice", "root"]) {
      await page.getByLabel("Members").last().fill(member);
      await page.keyboard.press("Enter");
    }
    await press(page, "Take out root");
    await press(page, "Create");
    await done(page, "Created friends");
    expect((await server.admin("GET", "/api/v1/groups/friends")).body.members).toEqual(["alice"]);

    await goTo(page, "access/users/alice");
    await press(page, "Forbid sign-in");
    await press(page, "Forbid sign-in");
    await done(page, "alice can no longer sign in");
    expect((await login("another sesame")).status).toBe(401);
    await press(page, "Delete");
    expect((await server.admin("GET", "/api/v1/users/alice")).status).toBe(200);
    await press(page, "Delete");
    await done(page, "Deleted alice");
    expect((await server.admin("GET", "/api/v1/users/alice")).status).toBe(404);
    expect(faults).toEqual([]);
  });

  it("adds MCP servers from a template: with a secret, and with a key of each user", async () => {
    const { server, page, faults } = await pageOfRoot();
    const add = async (name: string, token: string) => {
      await goTo(page, "mcp/servers");
      await press(page, "Add from a template");
      await page.getByRole("button", { name: "Choose github" }).click();
      await page.getByLabel("Name here").fill(name);
      await page.getByLabel("TOKEN", { exact: true }).fill(token);
      await press(page, "Add");
    };
    await must(server.admin("POST", "/api/v1/servers", { name: "taken", command: ["/bin/true"] }));
    await add("taken", "ghp_canary_value");
    await page.getByText("exists already").first().waitFor();
    // What was stored for it is gone again.
    expect((await server.admin("GET", "/api/v1/secrets/taken-secrets")).status).toBe(404);
    await page.getByLabel("Name here").fill("hub");
    await press(page, "Add");
    await done(page, "Added hub");
    const envOf = async (name: string) => (await must(server.admin("GET", `/api/v1/servers/${name}`))).body;
    expect((await envOf("hub")).env[0].valueFrom).toEqual({
      secretRef: { name: "hub-secrets", key: "TOKEN" },
    });
    await add("each", "user://token");
    await done(page, "Added each");
    const each = await envOf("each");
    expect([each.env[0].valueFrom, each.sharing]).toEqual([{ userKey: "token" }, "principal"]);
    expect((await server.admin("GET", "/api/v1/secrets/each-secrets")).status).toBe(404);
    expect(faults).toEqual([]);
  });

  it("gives a right as a sentence, and takes it back; sets a limit, and takes it away", async () => {
    const { server, page, faults } = await pageOfRoot();
    await server.user("bob");
    const canRun = async (name: string) => {
      const question = { verb: "run", resource: "llms", name, user: "bob" };
      return (await server.admin("POST", "/api/v1/auth/can-i", question)).body.allowed;
    };
    await goTo(page, "access/bindings");
    for (const name of ["gpt", "claude"]) {
      await page.getByLabel("Named", { exact: true }).fill("bob");
      await page.getByLabel("Only the one named").fill(name);
      expect(await page.locator("main pre").first().textContent()).toBe(`mcpctl grant bob run llms/${name}`);
      await press(page, "Give it");
      await done(page, `bob may run llm ${name}`);
    }
    await page.getByText("User bob may run llm gpt.").waitFor();
    expect([await canRun("gpt"), await canRun("claude"), await canRun("other")]).toEqual([true, true, false]);
    await page.getByRole("link", { name: "bob-run-llms-gpt" }).click();
    await press(page, "Delete");
    await press(page, "Delete");
    await done(page, "Deleted bob-run-llms-gpt");
    expect([await canRun("gpt"), await canRun("claude")]).toEqual([false, true]);

    await goTo(page, "access/limits");
    const limits = async () => (await server.admin("GET", "/api/v1/users/bob")).body.limits;
    for (const [limit, most] of Object.entries({ costPerDay: "2.5", tokensPerDay: "1000" })) {
      await page.getByLabel("Named", { exact: true }).fill("bob");
      await page.getByLabel("Limit", { exact: true }).selectOption(limit);
      await page.getByLabel("At most").fill(most);
      await press(page, "Set it");
      await page.getByText(limit === "costPerDay" ? "$0 of $2.50" : "0 of 1,000").waitFor();
    }
    expect(await limits()).toEqual({ costPerDay: 2.5, tokensPerDay: 1000 });
    await page.getByLabel("Limit", { exact: true }).selectOption("costPerDay");
    await press(page, "Set it");
    await done(page, "bob has this limit no longer");
    expect(await limits()).toEqual({ tokensPerDay: 1000 });
    expect(faults).toEqual([]);
  });

  it("makes and changes personas, projects and prompts beside others (failure mode 230), shows their YAML, and downloads a backup", async () => {
    const { server, page, faults } = await pageOfRoot();
    await goTo(page, "models/personas");
    await press(page, "New persona");
    await page.getByLabel("Name", { exact: true }).fill("reviewer");
    await page.getByLabel("Llm", { exact: true }).fill("gpt");
    await page.getByLabel("System prompt").fill("Say what is wrong.\nThe worst first.");
    await press(page, "Create");
    await done(page, "Created reviewer");
    await press(page, "Open reviewer");
    await page.getByLabel("Llm", { exact: true }).fill("nobody");
    await press(page, "Save");
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Llm", { exact: true }).fill("claude");
    await must(server.admin("PUT", "/api/v1/agents/reviewer", { description: "of somebody else" }));
    await press(page, "Show YAML");
    await page.getByText("The worst first.").last().waitFor();
    await page.keyboard.press("Escape");
    await press(page, "Save");
    await done(page, "Saved reviewer");
    expect((await server.admin("GET", "/api/v1/agents/reviewer")).body).toMatchObject({
      ...{
        llm: "claude",
        systemPrompt: "Say what is wrong.\nThe worst first.",
        description: "of somebody else",
      },
    });

    await goTo(page, "mcp/projects");
    await press(page, "New project");
    await page.getByLabel("Name", { exact: true }).fill("website");
    await page.getByLabel("Description").fill("The shop");
    await press(page, "Create");
    await done(page, "Created website");
    await page.getByRole("link", { name: "website" }).click();
    await press(page, "New prompt");
    await page.getByLabel("Name", { exact: true }).fill("style");
    await page.getByLabel("Content").fill("Short sentences.");
    await press(page, "Create");
    await done(page, "Created style");
    await press(page, "style");
    await page.getByLabel("Priority").fill("11");
    await press(page, "Save");
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Priority").fill("9");
    await press(page, "Save");
    await done(page, "Saved style");
    const { body: prompts } = await server.admin("GET", "/api/v1/prompts?name=style");
    expect(prompts).toMatchObject([{ project: "website", content: "Short sentences.", priority: 9 }]);
    expect(prompts).toHaveLength(1);

    await goTo(page, "settings");
    const download = page.waitForEvent("download");
    await press(page, "Download a backup");
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^mcpctl-backup-\d{8}T\d{6}Z\.tar\.zst$/);
    expect(readFileSync(await file.path()).subarray(0, 4)).toEqual(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]));
    expect(faults).toEqual([]);
  });

  it("offers nothing to do to somebody who may only look, and to nobody what they may not", async () => {
    const server = served();
    await server.user("viewer", [{ role: "view", resource: "*" }]);
    const { page, faults } = await pageOf("viewer");
    await server.admin("POST", "/api/v1/projects", { name: "website" });
    const wanted = /^(New|Add|Change|Delete|Save|Create|Give|Set|Store|Download|Forbid|Revoke|Take)/;
    for (const place of [
      ...["models/llms", "models/llms/gpt", "models/personas", "access/users/root", "access/groups"],
      ...[
        "access/bindings",
        "access/bindings/of-root",
        "access/limits",
        "mcp/servers",
        "mcp/projects/website",
      ],
      ...["secrets", "settings"],
    ]) {
      await goTo(page, place);
      const names = await page.locator("main button").allTextContents();
      expect(
        names.filter((name) => wanted.test(name)),
        place,
      ).toEqual([]);
      expect(names.length, place).toBeGreaterThan(0);
    }
    expect(faults).toEqual([]);
  });

  it("changes one's own password, with the one of before", async () => {
    const server = served();
    await server.user("carol");
    const { page, faults } = await pageOf("carol");
    await press(page, "Change password");
    await page.getByLabel("Password now").fill("wrong-password");
    await page.getByLabel("New password").fill("a new password");
    await press(page, "Change it");
    await page.getByText("The current password is wrong.").waitFor();
    await page.getByLabel("Password now").fill("carol-password");
    await press(page, "Change it");
    await done(page, "Changed your password: your other sessions have ended");
    const login = await server.as()("POST", "/api/v1/auth/login", {
      user: "carol",
      password: "a new password",
    });
    expect(login.status).toBe(200);
    await page.reload();
    await page.getByText("carol").first().waitFor();
    expect(faults).toEqual([]);
  });
});
