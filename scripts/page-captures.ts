/**
 * Makes the pictures of the web page in docs/images: starts the compiled program with a small catalogue, and opens its
 * page in Chromium. Times, calls and ids are always the same, so that a picture changes only if the page does. Needs
 * dist/mcpctl, /usr/bin/chromium, and the ports 7777 and 11434. Run: bun run captures
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { ollamaPort, startProvider } from "./captures/provider.ts";
import { fillServer } from "./captures/shown-catalogue.ts";
import { shownAt, steadyAnswers } from "./captures/steady-answers.ts";

const root = join(import.meta.dirname, "..");
const images = join(root, "docs/images");
const folder = mkdtempSync(join(tmpdir(), "mcpctl-page-captures-"));

/** The port of the server, which is in a picture. */
const port = 7777;

interface Shot {
  name: string;
  place: string;
  colours?: "dark";
  width?: number;
  height: number;
  act?(page: Page): Promise<unknown>;
}

const shots: readonly Shot[] = [
  { name: "page-overview", place: "overview", height: 860 },
  { name: "page-models", place: "models", height: 420 },
  {
    name: "page-playground",
    place: "playground?model=qwen",
    height: 620,
    async act(page) {
      await page.getByLabel("Message").fill("What do I watch out for with webhooks?");
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByText("first token after").waitFor();
    },
  },
  { name: "page-calls", place: "calls", height: 620 },
  { name: "page-access", place: "access/bindings", height: 640 },
  { name: "page-mcp", place: "mcp/projects/website", height: 700 },
  { name: "page-secrets", place: "secrets", height: 440, colours: "dark" },
  { name: "page-telephone", place: "overview", height: 780, width: 360, colours: "dark" },
];

/** Takes a picture as WebP, which Playwright itself does not write. */
async function picture(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 82 });
  writeFileSync(path, Buffer.from(data, "base64"));
}

async function started(server: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<string> {
  let text = "";
  for await (const chunk of server.stderr) {
    text += new TextDecoder().decode(chunk);
    const url = /listens on (http:\/\/[\d.:]+)/.exec(text)?.[1];
    if (url) return url;
  }
  throw new Error(`the server has ended: ${text}`);
}

const provider = startProvider();
const server = Bun.spawn(
  [join(root, "dist/mcpctl"), "server", "--listen", `127.0.0.1:${port}`, "--data-dir", folder],
  { env: { HOME: folder, PATH: "/usr/bin:/bin" }, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const url = await started(server);
  await fillServer(join(folder, "mcpctl.sock"), `http://127.0.0.1:${ollamaPort}`);
  mkdirSync(images, { recursive: true });
  for (const { name, place, colours = "light", width = 1180, height, act } of shots) {
    const context = await browser.newContext({
      ...{ colorScheme: colours, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce" },
      viewport: { width, height },
    });
    const page = await context.newPage();
    await page.clock.setFixedTime(shownAt);
    await page.addInitScript("let now = 0; performance.now = () => (now += 160)");
    await steadyAnswers(page);
    await page.goto(url);
    await page.getByLabel("User").fill("mia");
    await page.getByLabel("Password").fill("mia-password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("nav").waitFor({ state: "attached" });
    await page.evaluate(`location.hash = "#/${place}"`);
    await page.locator("main h1").waitFor();
    await page.locator(".bones").first().waitFor({ state: "detached" });
    await act?.(page);
    await page.evaluate("document.activeElement?.blur(); new Promise((done) => setTimeout(done, 400))");
    await picture(page, join(images, `${name}.webp`));
    console.error(`docs/images/${name}.webp`);
    await context.close();
  }
} finally {
  await browser.close();
  server.kill("SIGTERM");
  await server.exited;
  provider.stop();
  rmSync(folder, { recursive: true, force: true });
}
