import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./temporary-folder.ts";

/** A certificate with its key, in PEM. */
export interface IssuedCertificate {
  cert: string;
  key: string;
}

/** A certificate authority that exists only in a test. */
export interface TestAuthority {
  /** Its own certificate in PEM. */
  ca: string;
  /**
   * Issues a certificate.
   *
   * @param names subject alternative names as OpenSSL writes them: `DNS:localhost,IP:127.0.0.1`
   * @param days from now to its end; negative for one that has expired
   */
  issue(names: string, days?: number): IssuedCertificate;
}

/** True if this machine has the program that makes certificates. */
export const hasOpenssl = Bun.which("openssl") !== null;

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Creates an authority that nobody trusts. */
export function testAuthority(): TestAuthority {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { stderr: "pipe", stdout: "ignore" });
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr.toString()}`);
  };
  const caFiles = ["-keyout", file("ca.key"), "-out", file("ca.pem")];
  openssl("req", "-x509", ...curve, ...caFiles, "-days", "30", "-subj", "/CN=Test authority");
  return {
    ca: readFileSync(file("ca.pem"), "utf8"),
    issue(names, days = 30) {
      openssl("req", ...curve, "-keyout", file("key"), "-out", file("request"), "-subj", "/CN=test");
      writeFileSync(file("names"), `subjectAltName=${names}`);
      openssl(
        ...["x509", "-req", "-in", file("request"), "-out", file("cert"), "-extfile", file("names")],
        ...["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", String(days)],
      );
      const issued = { cert: readFileSync(file("cert"), "utf8"), key: readFileSync(file("key"), "utf8") };
      rmSync(file("key"));
      return issued;
    },
  };
}
