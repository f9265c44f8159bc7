import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasOpenssl, testAuthority } from "../../support/certificates.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import {
  certificateFaults,
  plainFaults,
  resettingPort,
  sshPort,
  tlsPort,
} from "../../support/unreachable.ts";

const run = (url: string) =>
  cli("get llms --timeout 5s", { server: { url }, env: { MCPCTL_TOKEN: "mcpctl_pat_canary" } });

async function expectReason(url: string, reason: string) {
  const { code, stderr } = await run(url);
  expect(stderr).toContain(`error: cannot reach ${url} (MCPCTL_SERVER): ${reason}`);
  expect(stderr).toMatch(/^hint: \S/m);
  expect(stderr).not.toContain("canary");
  expect(code).toBe(1);
  return stderr;
}

describe("a command line that cannot reach its server (failure mode 83)", () => {
  it("names a closed port, an unknown name and a server without TLS", async () => {
    for (const { url, words, code } of Object.values(plainFaults()))
      await expectReason(url, `${words} (${code})`);
  });

  it.skipIf(!hasOpenssl)("names the problem of the certificate, and how to trust an authority", async () => {
    const faults = certificateFaults();
    for (const { url, words, code } of Object.values(faults)) await expectReason(url, `${words} (${code})`);
    const { stderr } = await run(faults["an unknown authority"]!.url);
    expect(stderr).toContain("mcpctl login --ca-cert ");
  });

  it.skipIf(!hasOpenssl)("advises https where a server with TLS was called without it", async () => {
    const url = `http://127.0.0.1:${tlsPort(testAuthority())}`;
    const stderr = await expectReason(url, "the connection was closed without an answer (ECONNRESET)");
    expect(stderr).toContain(`write https: ${url.replace("http:", "https:")}`);
    const page = Bun.serve({
      port: 0,
      fetch: () =>
        new Response("<title>400 The plain HTTP request was sent to HTTPS port</title>", { status: 400 }),
    });
    const { stderr: nginx } = await run(page.url.origin);
    await page.stop(true);
    expect(nginx).toContain("hint: the server speaks TLS there: write https://");
  });

  it("names a server that does not speak HTTP, and one that resets", async () => {
    await expectReason(`http://127.0.0.1:${sshPort()}`, "the answer is not HTTP");
    await expectReason(`http://127.0.0.1:${resettingPort()}`, "the connection was closed without an answer");
  });

  it("names a Unix socket that does not exist", async () => {
    const path = join(newHome(), "mcpctl.sock");
    await expectReason(`unix://${path}`, "it does not exist (ENOENT)");
  });
});

describe("a file that cannot be used is named with the reason", () => {
  it("a token file", async () => {
    const home = newHome();
    mkdirSync(join(home, "folder"));
    const token = (file: string) =>
      cli(`get llms --server http://127.0.0.1:1 --token-file ${file}`, { home });
    expect((await token("none")).stderr).toContain(`${home}/none: it does not exist (ENOENT)`);
    expect((await token("folder")).stderr).toContain(`${home}/folder: it is a folder (EISDIR)`);
  });

  it("a config that cannot be written is no defect of mcpctl", async () => {
    const home = join(newHome(), "file");
    writeFileSync(home, "");
    chmodSync(home, 0o600);
    const { code, stderr } = await cli("config set-context home --server http://127.0.0.1:1", { home });
    expect(stderr).toMatch(/^error: .*(ENOTDIR|EEXIST)\)$/m);
    expect(stderr).not.toContain("defect");
    expect(code).toBe(1);
  });
});
