import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** The Chromium of Debian's package. */
const program = "/usr/bin/chromium";

export const hasChromium = existsSync(program);

/**
 * Begins a browser. `--no-sandbox`: tests run as root in containers, and open nothing but their own servers. What draws
 * and what connects share one process: between several, messages are a good part of the work.
 */
export function startBrowser(): Promise<Browser> {
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",
    "--enable-features=NetworkServiceInProcess2",
  ];
  return chromium.launch({ executablePath: program, args });
}

/** A page, and all that went wrong in it: errors of scripts, refusals of its policy, dialogs that nobody asked for. */
export interface WatchedPage {
  page: Page;
  faults: string[];
}

export async function openPage(context: BrowserContext): Promise<WatchedPage> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Chromium writes a line for each answer of 400 and more.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      faults.push(`console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, faults };
}

/** Signs in with a password. */
export async function signInTo(page: Page, url: string, user: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(`${user}-password`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("nav").waitFor({ state: "attached" });
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Returns what axe finds on a page by all of its rules, or by the named ones, as `rule: element`. */
export async function axeFindings(page: Page, rules?: readonly string[]): Promise<string[]> {
  // Evaluated by the debugger, because the policy of the page lets no other script in.
  await page.evaluate(`if (!window.axe) { ${axe} }`);
  // There are no frames, and no rule that is on by default wants the style sheets loaded again.
  const plain = { resultTypes: ["violations"], iframes: false, preload: false };
  const options = JSON.stringify({ ...plain, ...(rules && { runOnly: rules }) });
  return page.evaluate(`axe.run(document, ${options}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html.slice(0, 200))))`);
}
