import { isIP } from "node:net";
import { connect } from "node:tls";
import { reasonText } from "../../../system-errors.ts";
import { staysOnThisMachine } from "../../client/endpoint.ts";
import type { Check } from "./check.ts";

const timeout = 10_000;
const day = 86_400_000;
/** Certificates that are renewed automatically are renewed earlier than this. */
const soon = 14 * day;

/** Checks that the connection is encrypted and that the certificate is valid for some time. */
export async function checkTls(url: string, now: number, proxy?: string): Promise<Check> {
  const name = "tls";
  if (url.startsWith("unix:")) return { name, verdict: "skip", detail: "Unix socket on this machine" };
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "http:") {
    if (staysOnThisMachine(url)) return { name, verdict: "skip", detail: "plain HTTP within this machine" };
    return {
      name,
      verdict: "warn",
      detail: "plain HTTP: everybody between here and the server can read tokens and messages",
    };
  }
  if (proxy !== undefined)
    return { name, verdict: "skip", detail: `not measured through the proxy ${proxy}; see the check server` };
  const found = await certificateOf(host, Number(port || 443));
  if (typeof found === "string") return { name, verdict: "fail", detail: found };
  const { version, validTo, fault } = found;
  const left = validTo - now;
  const until = new Date(validTo).toISOString().slice(0, 10);
  const figures = { version, validTo: new Date(validTo).toISOString() };
  if (fault !== undefined)
    return {
      name,
      verdict: "fail",
      detail: `the certificate is not trusted on this machine: ${reasonText({ code: fault }, fault)}`,
      figures,
    };
  if (left < soon) {
    const detail = `the certificate expires on ${until}, in ${Math.max(0, Math.floor(left / day))} days`;
    return { name, verdict: "warn", detail, figures };
  }
  return { name, verdict: "ok", detail: `${version}, certificate valid until ${until}`, figures };
}

export interface Certificate {
  version: string;
  /** Milliseconds since 1970. */
  validTo: number;
  /** The reason why it is not trusted: `CERT_HAS_EXPIRED`. */
  fault?: string;
}

/** The certificate, trusted or not; a sentence if there is no TLS connection. */
export function certificateOf(host: string, port: number): Promise<Certificate | string> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      // An IP address cannot be a server name.
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: false,
      timeout,
    });
    const end = (found: Certificate | string) => {
      resolve(found);
      socket.destroy();
    };
    socket.on("secureConnect", () => {
      const { valid_to } = socket.getPeerCertificate();
      const error: unknown = socket.authorizationError;
      const fault = typeof error === "string" ? error : (error as { code?: string } | null)?.code;
      end({
        version: socket.getProtocol() ?? "TLS",
        validTo: Date.parse(valid_to),
        ...(!socket.authorized && { fault: fault ?? "unknown reason" }),
      });
    });
    socket.on("timeout", () => end("no TLS connection within 10 s"));
    socket.on("error", (error) => end(`no TLS connection: ${reasonText(error, "the handshake failed")}`));
  });
}
