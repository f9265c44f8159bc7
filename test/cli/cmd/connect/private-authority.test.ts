import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CertificateKeeper } from "../../../../src/server/http/tls/certificate-keeper.ts";
import { hasOpenssl, testAuthority } from "../../../support/certificates.ts";
import { cli } from "../../../support/cli/run-cli.ts";
import { must, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { goodProvider, upstream } from "../../../support/upstream.ts";

const silent = { info() {}, warn() {}, error() {}, success() {} };

/** A server with a certificate of an authority that only the user's context knows. */
async function open() {
  const home = temporaryFolder();
  const authority = testAuthority();
  const { cert, key } = authority.issue("DNS:localhost,IP:127.0.0.1");
  const files = { cert: join(home, "cert.pem"), key: join(home, "key.pem") };
  const caFile = join(home, "ca.pem");
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  writeFileSync(caFile, authority.ca);
  const certificate = new CertificateKeeper({ files, now: Date.now, log: silent });
  const server = await testServer({ certificate, ca: authority.ca });
  const llm = { name: "gpt", type: "vllm", model: "up", url: upstream(goodProvider).url };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const { bearer } = await server.user("alice", [
    { role: "create", resource: "tokens" },
    { role: "delete", resource: "tokens" },
    { role: "run", resource: "llms" },
  ]);
  const env = { HOME: home, PATH: process.env["PATH"]!, MCPCTL_TOKEN: bearer };
  const run = (words: readonly string[], more: Record<string, string> = {}) =>
    cli(words, { home, env: { ...env, ...more } });
  await run(["config", "set-context", "tls", "--server", server.url, "--ca-cert", caFile]);
  return { home, caFile, run };
}

describe.runIf(hasOpenssl)("a server whose authority only the context knows", () => {
  it("is told to programs that connect sets up, unless they know it", async () => {
    const { home, caFile, run } = await open();
    const made = await run(["connect", "claude", "--llm", "gpt"]);
    expect(made.code).toBe(0);
    expect(made.stderr).toContain(
      `warning: Claude Code must trust the server's certificate: set NODE_EXTRA_CA_CERTS=${caFile} for it\n`,
    );
    // Many settings are named by their groups.
    expect(made.stdout).toContain(`${home}/.claude/settings.json created: model, apiKeyHelper, env\n`);
    const known = await run(["connect", "claude", "--llm", "gpt"], { NODE_EXTRA_CA_CERTS: caFile });
    expect(known.stderr).not.toContain("must trust");
    const zed = await run(["connect", "zed", "--llm", "gpt"]);
    expect(zed.stderr).toContain(`add ${caFile} to the certificates of the system`);
  });

  it("is trusted by programs that run starts, and a variable of the user's own stays", async () => {
    const { home, caFile, run } = await open();
    const out = join(home, "out");
    const seen = async (more: Record<string, string>) => {
      const script = `echo "$NODE_EXTRA_CA_CERTS|$SSL_CERT_FILE" > ${out}`;
      expect((await run(["run", "--llm", "gpt", "--", "sh", "-c", script], more)).code).toBe(0);
      return readFileSync(out, "utf8");
    };
    expect(await seen({})).toBe(`${caFile}|\n`);
    expect(await seen({ NODE_EXTRA_CA_CERTS: "/mine" })).toBe("/mine|\n");
  });
});
