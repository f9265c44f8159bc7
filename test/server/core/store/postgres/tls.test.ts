import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import type { Store } from "../../../../../src/server/core/store/types.ts";
import { row } from "../../../../contract/store-fixtures.ts";
import { freshDatabase } from "../../../../postgres.ts";
import { hasPgBouncer, pgBouncer } from "../../../../support/pgbouncer.ts";
import { freshFolder } from "../folder.ts";

const now = () => 1_700_000_000_000;
const warnings: string[] = [];

async function open(url: string): Promise<Store> {
  warnings.length = 0;
  return await openStore({ url, now, onWarning: (text) => warnings.push(text) });
}

/** Returns a port of this machine that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Makes a certificate for `localhost` that signs itself. Returns the paths of the certificate and its key. */
function certificate(): { cert: string; key: string } {
  const folder = freshFolder();
  chmodSync(folder, 0o755);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const words = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
  ];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", [...words, ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" });
  chmodSync(key, 0o644);
  return { cert, key };
}

/** Starts a database that is reached over TCP. Returns its URL at a host. */
async function overTcp(...more: string[]): Promise<(host: string, query?: string) => string> {
  const url = await freshDatabase();
  const port = await freePort();
  await pgBouncer(url, "session", ["listen_addr = 0.0.0.0", ...more], port);
  return (host, query = "") => `postgres://postgres@${host}:${port}${new URL(url).pathname}?${query}`;
}

describe.runIf(hasPgBouncer && Bun.which("openssl"))("sslmode", () => {
  it("takes TLS where it is offered, and checks the certificate as far as asked", async () => {
    const { cert, key } = certificate();
    const at = await overTcp(
      "client_tls_sslmode = require",
      `client_tls_cert_file = ${cert}`,
      `client_tls_key_file = ${key}`,
    );
    // The pooler has few connections: each store leaves them to the next one.
    const insert = async (url: string) => {
      const store = await open(url);
      return await store
        .commit([{ op: "insert", row: row(crypto.randomUUID()), refs: [] }])
        .finally(() => store.close());
    };
    const ca = `sslrootcert=${cert}`;
    let revision = 0;
    for (const url of [
      at("localhost"),
      at("127.0.0.1", "sslmode=require"),
      at("127.0.0.1", `sslmode=verify-ca&${ca}`),
      at("localhost", `sslmode=verify-full&${ca}`),
    ])
      expect(await insert(url), url).toBe(++revision);
    const refused = (url: string, message: string) =>
      expect(open(url), url).rejects.toMatchObject({
        name: "AppError",
        message: expect.stringContaining(message),
      });
    await refused(at("127.0.0.1", `sslmode=verify-full&${ca}`), "the certificate is for another host name");
    const untrusted = "the certificate is self-signed and not trusted";
    await refused(at("localhost", "sslmode=verify-full"), untrusted);
    await refused(at("localhost", "sslmode=verify-ca"), untrusted);
    await refused(at("localhost", "sslrootcert=system"), untrusted);
    await refused(at("localhost", `sslmode=require&sslrootcert=${certificate().cert}`), "the certificate");
    await refused(at("localhost", "sslmode=disable"), "");
  });

  it("does without TLS only if that is allowed, and warns when secrets travel in plaintext to another machine (T122)", async () => {
    const at = await overTcp();
    const other = Object.values(networkInterfaces())
      .flat()
      .find((address) => address && address.family === "IPv4" && !address.internal);
    await (await open(at("127.0.0.1"))).close();
    expect(warnings).toEqual([]);
    if (other) {
      await (await open(at(other.address))).close();
      expect(warnings).toEqual([expect.stringContaining("is not encrypted, and secrets travel over it")]);
      expect(warnings[0]).toContain(other.address);
    }
    for (const mode of ["require", "verify-ca", "verify-full"])
      await expect(open(at("127.0.0.1", `sslmode=${mode}`))).rejects.toMatchObject({
        message: expect.stringContaining("the server offers no TLS"),
      });
  });
});

it("a server that sends more than its answer before TLS is refused (T122)", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.write("S injected") },
  });
  onTestFinished(() => server.stop(true));
  await expect(open(`postgres://me@127.0.0.1:${server.port}/x`)).rejects.toMatchObject({
    message: expect.stringContaining("did not answer the question for TLS"),
  });
});
