import { renameSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Log } from "../../../../src/log.ts";
import { CertificateKeeper, endingTime } from "../../../../src/server/http/tls/certificate-keeper.ts";
import { Metrics } from "../../../../src/server/observability/metrics.ts";
import { hasOpenssl, testAuthority } from "../../../support/certificates.ts";
import { cli } from "../../../support/cli/run-cli.ts";
import { testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const day = 86_400_000;

/** A keeper over two files, and a way to change them. */
function keeperOf({ names = "DNS:localhost,IP:127.0.0.1", days = 30, now = Date.now } = {}) {
  const authority = testAuthority();
  const folder = temporaryFolder();
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  // As programs that renew certificates do: a new file takes the place of the old one.
  const put = (path: string, text: string) => {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  const write = (issued: { cert: string; key: string }) => {
    put(files.cert, issued.cert);
    put(files.key, issued.key);
  };
  write(authority.issue(names, days));
  const lines: string[] = [];
  const note = (level: string) => (text: string) => void lines.push(`${level}: ${text}`);
  const log: Log = { info: note("info"), warn: note("warn"), error: note("error"), success: note("ok") };
  const keeper = new CertificateKeeper({ files, now, log });
  return { authority, keeper, files, write, put, lines };
}

/** The names of the certificate that a server shows. */
function shownNames(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? "");
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe.runIf(hasOpenssl)("a server with a certificate of its own", () => {
  it("speaks TLS and nothing else, marks cookies as secure, and tells of its certificate", async () => {
    const { authority, keeper } = keeperOf();
    const server = await testServer({ certificate: keeper, ca: authority.ca });
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const port = Number(new URL(server.url).port);
    const tls = { ca: authority.ca };
    expect(await (await fetch(`${server.url}/healthz`, { tls })).text()).toBe("ok\n");
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow(/certificate/);
    // Plain HTTP gets no answer at all, not even an error of the API.
    const plain = connectPlain(port, "127.0.0.1");
    let heard = "";
    plain.on("data", (bytes) => {
      heard += bytes.toString();
    });
    plain.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await new Promise((resolve) => plain.once("close", resolve));
    expect(heard).not.toContain("HTTP/1.1");

    await server.user("alice");
    const signIn = await fetch(`${server.url}/api/v1/auth/page`, {
      method: "POST",
      headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
      body: JSON.stringify({ user: "alice", password: "alice-password" }),
      tls,
    });
    expect(signIn.headers.get("set-cookie")).toMatch(/^__Host-mcpctl=.+; Secure$/);

    const { body } = await server.admin("GET", "/api/v1/status");
    expect(body.certificate).toEqual(keeper.state);
    expect(body.certificate).toMatchObject({
      names: ["localhost", "127.0.0.1"],
      isEnding: false,
      failedAt: null,
    });
    expect(JSON.stringify(body)).not.toContain("PRIVATE");
    const metrics = await server.admin("GET", "/metrics");
    expect(metrics.text).toContain(
      `mcpctl_certificate_expiry_timestamp_seconds ${keeper.current.validTo / 1000}`,
    );
    const caFile = join(server.folder, "ca.pem");
    writeFileSync(caFile, authority.ca);
    const home = temporaryFolder();
    const context = ["config", "set-context", "tls", "--server", server.url, "--ca-cert", caFile];
    expect((await cli(context, { home })).code).toBe(0);
    const status = await cli(["status", "--server", server.url], { home });
    expect(status.stdout).toMatch(/^Certificate: +expires /m);
    expect(status.stdout).toMatch(/^Reachable: +yes/m);
    const http = await cli(["get", "llms", "--server", server.url.replace("https", "http")]);
    expect(http.code).toBe(1);
    expect(http.stderr).toContain("https");
  });

  it("finds routes with parameters in their paths, and answers HEAD", async () => {
    const { authority, keeper } = keeperOf();
    const server = await testServer({ certificate: keeper, ca: authority.ca });
    const { bearer } = await server.user("alice", [{ role: "edit", resource: "llms" }]);
    await server.admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m" });
    const ask = (method: string, path: string, body?: string) =>
      fetch(`${server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        ...(body && { body }),
        tls: { ca: authority.ca },
      });
    // The second time, the path is known.
    for (const description of ["first", "second"]) {
      const changed = await ask("PUT", "/api/v1/llms/gpt", JSON.stringify({ description }));
      expect(await changed.json()).toMatchObject({ name: "gpt", description });
    }
    for (const path of ["/healthz", "/api/v1/llms", "/api/v1/llms/gpt"])
      expect((await ask("HEAD", path)).status).toBe(200);
    expect((await ask("HEAD", "/api/v1/llms?watch=1")).headers.get("content-type")).toBe("text/event-stream");
    const missing = await ask("GET", "/api/v1/llms/other");
    expect(await missing.json()).toMatchObject({ error: expect.stringContaining('"other"') });
    expect((await ask("DELETE", "/api/v1/nothing/at/all")).status).toBe(404);
  });

  it("refuses TLS below 1.2 (T286)", async () => {
    const { keeper } = keeperOf();
    const server = await testServer({ certificate: keeper });
    const port = Number(new URL(server.url).port);
    const shake = (version: "-tls1_1" | "-tls1_2" | "-tls1_3") =>
      Bun.spawn(
        ["openssl", "s_client", version, "-cipher", "DEFAULT@SECLEVEL=0", "-connect", `127.0.0.1:${port}`],
        { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
      ).exited;
    expect(await shake("-tls1_1")).not.toBe(0);
    expect(await Promise.all([shake("-tls1_2"), shake("-tls1_3")])).toEqual([0, 0]);
  });

  it.skipIf(process.platform !== "linux").each([0, 1])(
    "closes connections that do not finish their handshake, and no others (T377, %i workers)",
    async (count) => {
      const { authority, keeper } = keeperOf();
      const server = await testServer({
        certificate: keeper,
        ca: authority.ca,
        connections: { idleSeconds: 1 },
        ...(count > 0 && { workers: { count, environment: {} } }),
      });
      const port = Number(new URL(server.url).port);
      const { bearer } = await server.user("alice", [{ role: "view", resource: "llms" }]);
      const watch = connect({ port, host: "127.0.0.1", servername: "localhost", ca: authority.ca });
      onTestFinished(() => void watch.destroy());
      let isOver = false;
      watch.on("close", () => {
        isOver = true;
      });
      const head = `GET /api/v1/llms?watch=1 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${bearer}\r\n\r\n`;
      watch.write(head);
      await new Promise((resolve) => watch.once("data", resolve));
      // Nothing, and the begin of a ClientHello.
      const starts = ["", "160301020001"];
      const closed = starts.map((start) => {
        const socket = connectPlain(port, "127.0.0.1");
        socket.write(Buffer.from(start, "hex"));
        return new Promise((resolve) => socket.once("close", resolve));
      });
      await Promise.all(closed);
      expect(isOver).toBe(false);
    },
  );

  it("uses a new certificate without ending a request, a WebSocket or its limits on connections", async () => {
    const { authority, keeper, write } = keeperOf();
    const server = await testServer({ certificate: keeper, ca: authority.ca });
    const port = Number(new URL(server.url).port);
    const tls = { ca: authority.ca };
    const headers = {
      authorization: `Bearer ${(await server.user("alice", [{ role: "view", resource: "llms" }])).bearer}`,
    };
    // A watch is a response that does not end.
    const watch = await fetch(`${server.url}/api/v1/llms?watch=1`, { headers, tls });
    expect(watch.status).toBe(200);
    const reader = watch.body!.getReader();
    onTestFinished(() => reader.cancel());

    for (const name of ["one.example.org", "two.example.org"]) {
      write(authority.issue(`DNS:localhost,DNS:${name},IP:127.0.0.1`));
      keeper.look();
      expect(await shownNames(port, authority.ca)).toContain(name);
      expect(keeper.state.names).toContain(name);
      expect((await fetch(`${server.url}/healthz`, { tls })).status).toBe(200);
    }
    await server.admin("POST", "/api/v1/llms", { name: "gpt", type: "openai", model: "m" });
    let text = "";
    while (!text.includes('"gpt"')) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the watch has ended");
      text += new TextDecoder().decode(value);
    }
    if (process.platform === "linux") {
      const { body } = await server.admin("GET", "/api/v1/status");
      expect(body.connections.open).toBeGreaterThan(0);
    }
    await server.stop();
    await expect(fetch(`${server.url}/healthz`, { tls })).rejects.toThrow();
  });
});

describe.runIf(hasOpenssl)("CertificateKeeper", () => {
  it("keeps the old certificate while the files do not fit, and logs only what stays so (failure mode 232)", () => {
    const { authority, keeper, write, put, files, lines } = keeperOf();
    const before = keeper.current;
    const used: string[] = [];
    keeper.onChange(({ names }) => used.push(...names));
    const next = authority.issue("DNS:next.example.org");
    put(files.cert, next.cert);
    keeper.look();
    expect(keeper.current).toBe(before);
    expect(lines).toEqual([]);
    expect(keeper.state.reason).toContain("does not belong to the certificate");
    put(files.key, next.key);
    keeper.look();
    expect(used).toEqual(["next.example.org"]);
    expect(keeper.state).toMatchObject({ failedAt: null, reason: null, names: ["next.example.org"] });
    expect(lines).toEqual([expect.stringMatching(/^info: new certificate, valid until \d{4}-/)]);

    put(files.cert, "nothing");
    for (let i = 0; i < 3; i++) keeper.look();
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(/^error: the new certificate is not used, the old one stays: certificate file /),
    ]);
    expect(used).toHaveLength(1);
    const metrics = new Metrics();
    keeper.register(metrics);
    expect([...metrics.pieces(1e6)].join("")).toContain("mcpctl_certificate_reload_failed 1");
    write(next);
    keeper.look();
    expect(used).toHaveLength(1);
    expect(keeper.state.failedAt).toBeNull();
  });

  it("does not read files that have not changed, unless it is asked to", () => {
    const { keeper, lines } = keeperOf();
    keeper.look();
    expect(lines).toEqual([]);
    keeper.reload();
    expect(lines).toEqual([expect.stringContaining("has not changed")]);
  });

  it("warns once a day before the end, with a name of the file (failure mode 233)", () => {
    // The certificate is valid from the moment at which it is made.
    let time = Date.now() + 60_000;
    const { keeper, lines, files } = keeperOf({ days: 90, now: () => time });
    expect([keeper.state.isEnding, lines]).toEqual([false, []]);
    time += 77 * day;
    for (let i = 0; i < 3; i++) keeper.look();
    expect(lines).toEqual([expect.stringMatching(`^warn: the certificate in ${files.cert} expires at `)]);
    expect(keeper.state.isEnding).toBe(true);
    time += 14 * day;
    keeper.look();
    expect(lines[1]).toMatch(/^error: .+ has expired \(.+\): clients refuse it$/);
    expect(lines).toHaveLength(2);
  });

  it("expects short-lived certificates to be renewed later", () => {
    expect(endingTime({ validFrom: 0, validTo: 90 * day })).toBe(14 * day);
    expect(endingTime({ validFrom: 0, validTo: day })).toBe(day / 5);
  });
});
