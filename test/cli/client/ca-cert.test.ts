import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasOpenssl, testAuthority } from "../../support/certificates.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const bearer = "mcpctl_ses_0123456789abcdef";

/** A server with a certificate that an authority of its own has issued. */
function privateServer() {
  const authority = testAuthority();
  const seen: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: authority.issue("IP:127.0.0.1"),
    fetch({ url, headers }) {
      seen.push(`${new URL(url).pathname} ${headers.get("authorization")}`);
      return url.endsWith("/login") ? Response.json({ token: bearer }) : Response.json([]);
    },
  });
  const home = newHome();
  writeFileSync(join(home, "ca.pem"), authority.ca);
  return { url: `https://127.0.0.1:${server.port}`, home, seen, stop: () => server.stop(true) };
}

describe.runIf(hasOpenssl)("the authorities of a context", () => {
  it("are trusted for its server, and login --ca-cert keeps them", async () => {
    const { url, home, seen, stop } = privateServer();
    try {
      const refused = await cli(`get llms --server ${url}`, { home });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/certificate/);
      expect(refused.stderr).toContain("--ca-cert");
      expect(seen).toEqual([]);
      const login = `login --server ${url} --ca-cert ca.pem --user alice --password-stdin`;
      expect((await cli(login, { home, stdin: "hunter22" })).code).toBe(0);
      for (const line of ["get llms", `get llms --server ${url}`])
        expect((await cli(line, { home })).code).toBe(0);
      expect(seen.slice(1)).toEqual([`/api/v1/llms Bearer ${bearer}`, `/api/v1/llms Bearer ${bearer}`]);
    } finally {
      stop();
    }
  });

  it("are kept by config set-context, with the whole path of their file", async () => {
    const { url, home, stop } = privateServer();
    try {
      expect((await cli(`config set-context a --server ${url} --ca-cert ca.pem`, { home })).code).toBe(0);
      expect((await cli("get llms", { home })).code).toBe(0);
      expect((await cli("config view", { home })).stdout).toContain(join(home, "ca.pem"));
    } finally {
      stop();
    }
  });

  it.each([
    ["nowhere.pem", "cannot read the certificates in"],
    ["config.json", "has no certificate in PEM"],
  ])("are named with their file %s if it cannot be used, and nothing is sent", async (file, message) => {
    const { url, home, seen, stop } = privateServer();
    try {
      writeFileSync(join(home, "config.json"), "{}", { mode: 0o600 });
      const login = `login --server ${url} --ca-cert ${file} --user alice --password-stdin`;
      const { code, stderr } = await cli(login, { home, stdin: "hunter22" });
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
      expect(seen).toEqual([]);
      const context = await cli(`config set-context a --server ${url} --ca-cert ${file}`, { home });
      expect([context.code, context.stderr]).toEqual([1, expect.stringContaining(message)]);
      expect((await cli("config get-contexts", { home })).stdout).not.toContain(url);
    } finally {
      stop();
    }
  });
});
