import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { errorOf, watch } from "./test-openbao.ts";

const ref = "sec_1/ver_1";
const canary = "s.canarycanarycanarycanary";

describe("plain http", () => {
  it.each(["http://bao.example.org:8200", "http://10.0.0.1:8200", "http://127.0.0.1.example.org"])(
    "does not carry a token to %s",
    async (url) => {
      const { driver } = watch({ url, mount: "secret", token: canary });
      const error = await errorOf(driver.read(ref));
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toBe('secret backend "bao": no token is sent over plain http to another machine');
      expect((await driver.health()).reason).toBe(error.message);
    },
  );

  it("carries it with allowInsecure", async () => {
    const config = { allowInsecure: true };
    const { driver } = watch({ url: "http://bao.invalid", mount: "secret", token: canary }, { config });
    expect((await errorOf(driver.read(ref))).message).toContain("the host name was not found");
  });

  it.each(["file:///etc/passwd", "http://user:canary@127.0.0.1", "http://169.254.169.254", "nonsense"])(
    "is never spoken to %s",
    async (url) => {
      const error = await errorOf(watch({ url, mount: "secret", token: "s.x" }).driver.read(ref));
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toMatch(/^secret backend "bao": the url /);
      expect(error.message).not.toContain("canary");
    },
  );
});

describe("TLS", () => {
  /** Responds like an OpenBao that accepts every token and has no values. */
  const empty = ({ url }: Request) =>
    url.endsWith("lookup-self")
      ? Response.json({ data: { ttl: 0 } })
      : Response.json({ errors: [] }, { status: 404 });

  /** Starts a server with a self-signed certificate for 127.0.0.1, which is its own CA. */
  function secure() {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bao".split(
      " ",
    );
    const names = ["-addext", "subjectAltName=IP:127.0.0.1"];
    const made = Bun.spawnSync(["openssl", ...words, ...names, "-keyout", key, "-out", cert]);
    if (!made.success) throw new Error(`openssl: ${made.stderr}`);
    const pem = readFileSync(cert, "utf8");
    let requests = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { key: readFileSync(key, "utf8"), cert: pem },
      fetch(request) {
        requests++;
        return empty(request);
      },
    });
    onTestFinished(() => server.stop(true));
    const on = (url: string, caCert?: string) =>
      watch({ url, mount: "secret", token: canary }, { config: caCert === undefined ? {} : { caCert } })
        .driver;
    const port = server.port;
    return { on, pem, port, requests: () => requests };
  }

  it("trusts the CA of the backend alone", async () => {
    const { on, pem, port, requests } = secure();
    const url = `https://127.0.0.1:${port}`;
    for (const caCert of [undefined, rootCertificates[0]!]) {
      const error = await errorOf(on(url, caCert).read(ref));
      expect(error).toMatchObject({
        code: "secret_unavailable",
        message: 'secret backend "bao": the certificate is self-signed and not trusted on this machine',
        hint: "give the CA that signed it as caCert",
      });
      expect(Bun.inspect(error)).not.toContain("canary");
    }
    const otherName = await errorOf(on(`https://localhost:${port}`, pem).read(ref));
    expect(otherName.message).toBe('secret backend "bao": the certificate is for another host name');
    const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: empty });
    onTestFinished(() => plain.stop(true));
    const noTls = await errorOf(on(`https://127.0.0.1:${plain.port}`, pem).read(ref));
    expect(noTls.message).toBe('secret backend "bao": the server does not speak TLS on this port');
    expect(requests()).toBe(0);
    expect(await on(url, pem).read(ref)).toBeNull();
    expect(await on(url, `${rootCertificates[0]}\n${pem}`).read(ref)).toBeNull();
    expect(requests()).toBe(4);
  });

  it.each(["", "canary", "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n"])(
    "is refused with the CA %j, and nothing is sent",
    async (caCert) => {
      const { on, port, requests } = secure();
      const error = await errorOf(on(`https://127.0.0.1:${port}`, caCert).read(ref));
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toBe('secret backend "bao": its caCert is not a certificate in PEM');
      expect(requests()).toBe(0);
    },
  );
});
