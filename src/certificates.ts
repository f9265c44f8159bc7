import { X509Certificate } from "node:crypto";
import { AppError } from "./errors.ts";

/**
 * Reads certificates from a text in PEM.
 *
 * @param source the setting that the text comes from, for the error
 * @throws AppError `invalid_request` if it is not one or more certificates
 */
export function certificatesIn(pem: string, source: string): string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const one of certificates) new X509Certificate(one);
  } catch (cause) {
    throw new AppError("invalid_request", `${source} is not a certificate in PEM`, { cause });
  }
  if (certificates.length === 0) throw new AppError("invalid_request", `${source} has no certificate in PEM`);
  return certificates;
}
