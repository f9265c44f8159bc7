import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AppError } from "../../../../src/errors.ts";
import { isFor, readServerCertificate } from "../../../../src/server/http/tls/server-certificate.ts";
import { certificateFilesOf, urlsOf } from "../../../../src/server/http/tls/settings.ts";
import { hasOpenssl, testAuthority } from "../../../support/certificates.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

describe.runIf(hasOpenssl)("the files of the server's certificate", () => {
  const issue = () => {
    const authority = testAuthority();
    const issued = authority.issue("DNS:llm.example.org,DNS:*.home.example.org,IP:192.0.2.7");
    return { authority, issued, other: authority.issue("DNS:localhost") };
  };

  const write = (cert: string, key: string, mode = 0o600) => {
    const folder = temporaryFolder();
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key, { mode });
    chmodSync(files.key, mode);
    return files;
  };
  const fault = (cert: string, key: string, mode?: number) => {
    try {
      readServerCertificate(write(cert, key, mode));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect(error.code).toBe("unavailable");
      return `${error.message}; ${error.hint}`;
    }
    return "no fault";
  };

  it("are read with their names, the issuer and the times, also both from one file", () => {
    const { authority, issued } = issue();
    const both = write(issued.cert + authority.ca, issued.key);
    const read = readServerCertificate(both);
    expect(read).toMatchObject({
      names: ["llm.example.org", "*.home.example.org", "192.0.2.7"],
      issuer: "Test authority",
      cert: `${issued.cert.trim()}\n${authority.ca.trim()}\n`,
    });
    expect(read.validTo - read.validFrom).toBe(30 * 86_400_000);
    const one = write(issued.key + issued.cert, issued.key + issued.cert);
    const single = readServerCertificate({ cert: one.key, key: one.key });
    // The key does not go along with the certificates.
    expect(single.cert).not.toContain("PRIVATE");
    expect(["llm.example.org", "pc.home.example.org", "192.0.2.7"].every((host) => isFor(read, host))).toBe(
      true,
    );
    expect(["example.org", "a.b.home.example.org", "192.0.2.8"].some((host) => isFor(read, host))).toBe(
      false,
    );
  });

  it("are refused with what is wrong and what to do", () => {
    const { authority, issued, other } = issue();
    expect(fault(issued.cert, other.key)).toMatch(
      /^the key in .+ does not belong to the certificate in .+must be the first/,
    );
    expect(fault(authority.ca + issued.cert, issued.key)).toMatch(/does not belong to the certificate/);
    expect(fault("no pem", issued.key)).toMatch(
      /^certificate file .+ has no certificate in PEM; .+-inform der/,
    );
    const damaged = issued.cert.replace(/MII.{20}/, "MIIAAAAAAAAAAAAAAAAAAAA");
    expect(fault(damaged, issued.key)).toMatch(/^certificate file .+ is not a certificate in PEM/);
    expect(fault(issued.cert + damaged, issued.key)).toMatch(/is not a certificate in PEM/);
    expect(fault(issued.cert, issued.cert)).toMatch(/^key file .+ has no private key in PEM/);
    expect(fault(issued.cert, issued.key.replace(/MI.{20}/, "MIIAAAAAAAAAAAAAAAAAAA"))).toMatch(
      /key in it is damaged/,
    );
    const locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    expect(fault(issued.cert, locked)).toMatch(/protected by a passphrase; remove it: openssl pkey/);
    expect(fault("x".repeat(300_000), issued.key)).toMatch(/is larger than 256 KiB/);
    const folder = temporaryFolder();
    mkdirSync(join(folder, "cert"));
    const read = (cert: string) => () => readServerCertificate({ cert, key: cert });
    expect(read(join(folder, "cert"))).toThrow(/is not a regular file|is a folder/);
    expect(read(join(folder, "none"))).toThrow("it cannot be read: it does not exist (ENOENT)");
  });

  it.skipIf(process.platform === "win32")(
    "are refused where every user can read the key, and not where a group can (T285)",
    () => {
      const { issued } = issue();
      for (const mode of [0o604, 0o602, 0o644])
        expect(fault(issued.cert, issued.key, mode)).toMatch(
          /every user of this machine may read or change it; chmod 600/,
        );
      for (const mode of [0o600, 0o400, 0o640]) expect(fault(issued.cert, issued.key, mode)).toBe("no fault");
    },
  );

  it("never show the key in an error", () => {
    const { issued, other } = issue();
    const secret = issued.key.split("\n")[1]!;
    const damaged = issued.key.replace(/\n-----END/, "AAAA\n-----END");
    for (const text of [
      fault(issued.cert, damaged),
      fault(other.cert, issued.key),
      fault(issued.key, issued.key),
    ])
      expect(text).not.toContain(secret.slice(0, 12));
  });
});

describe("--tls-cert and --tls-key", () => {
  it("come from flags or variables, and only together", () => {
    expect(certificateFilesOf({}, { MCPCTL_TLS_CERT: "" })).toBeUndefined();
    expect(certificateFilesOf({ "tls-cert": "/a" }, { MCPCTL_TLS_KEY: "/b", MCPCTL_TLS_CERT: "/c" })).toEqual(
      {
        cert: "/a",
        key: "/b",
      },
    );
    expect(() => certificateFilesOf({ "tls-cert": "/a" }, {})).toThrow("--tls-key is missing");
    expect(() => certificateFilesOf({}, { MCPCTL_TLS_KEY: "/a" })).toThrow("--tls-cert is missing");
  });

  it("make the names of the certificate the server's URLs, without wildcards and addresses", () => {
    const names = ["llm.example.org", "*.example.org", "192.0.2.7", "2001:db8::1", "localhost"];
    expect(urlsOf(names, 7777)).toEqual(["https://llm.example.org:7777"]);
    expect(urlsOf(names, 443)).toEqual(["https://llm.example.org"]);
    expect(urlsOf(names, 0)).toEqual([]);
  });
});
