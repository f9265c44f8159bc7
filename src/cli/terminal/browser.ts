/** The programs that open a page, by platform. The address is an argument of its own, and no shell sees it (T199). */
const openers: Readonly<Record<string, readonly string[]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** Opens a page in the browser of this machine. Returns false if that is not possible. */
export function openBrowser(page: URL, env: Readonly<Record<string, string | undefined>>): boolean {
  if (page.protocol !== "https:" && page.protocol !== "http:") return false;
  try {
    const child = Bun.spawn([...(openers[process.platform] ?? ["xdg-open"]), page.href], {
      env: { ...env, MCPCTL_TOKEN: undefined, MCPCTL_DATABASE_URL: undefined },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    child.unref();
    return true;
  } catch {
    return false;
  }
}
