import { resolve } from "node:path";
import { AppError } from "../../../errors.ts";
import type { CertificateFiles } from "./server-certificate.ts";

/** The flags of the server's own certificate. */
export const certificateFlags = {
  "tls-cert": {
    type: "string",
    valueHint: "FILE",
    description:
      "Speak TLS with this certificate and its chain, in PEM; a new one is used as soon as the files change (MCPCTL_TLS_CERT)",
  },
  "tls-key": {
    type: "string",
    valueHint: "FILE",
    description: "Private key of the certificate, in PEM (MCPCTL_TLS_KEY)",
  },
} as const;

/**
 * Returns the files of the certificate; undefined if the server speaks plain HTTP.
 *
 * @throws AppError `usage` if one of the two is missing
 */
export function certificateFilesOf(
  args: { "tls-cert"?: string | undefined; "tls-key"?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): CertificateFiles | undefined {
  const cert = args["tls-cert"] ?? (env["MCPCTL_TLS_CERT"] || undefined);
  const key = args["tls-key"] ?? (env["MCPCTL_TLS_KEY"] || undefined);
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new AppError(
      "usage",
      `--tls-${cert === undefined ? "cert" : "key"} is missing: TLS needs a certificate and its key`,
      {
        hint: "give both --tls-cert FILE and --tls-key FILE, or MCPCTL_TLS_CERT and MCPCTL_TLS_KEY; one file may have both",
      },
    );
  return { cert: resolve(cert), key: resolve(key) };
}

/**
 * Returns the URLs under which callers know the server, where none is given: the DNS names of its certificate with its
 * port. A wildcard tells no name.
 */
export function urlsOf(names: readonly string[], port: number): string[] {
  if (port === 0) return [];
  return names
    .filter((name) => /[a-z]/i.test(name) && !/[*:]/.test(name) && name !== "localhost")
    .map((name) => `https://${name}${port === 443 ? "" : `:${port}`}`);
}
