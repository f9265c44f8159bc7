import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Check } from "./check.ts";

const patience = 10_000;
const day = 86_400_000;
/** Who renews by itself has done so by then. */
const soon = 14 * day;

/** Whether the connection is encrypted, with a certificate that is good for some time yet. */
export async function checkTls(url: string, now: number): Promise<Check> {
  const name = "tls";
  if (url.startsWith("unix:")) return { name, verdict: "skip", detail: "a Unix socket of this machine" };
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "http:") {
    if (host === "localhost" || host.startsWith("127.") || host === "::1")
      return { name, verdict: "skip", detail: "plain HTTP, within this machine" };
    return {
      name,
      verdict: "warn",
      detail: "plain HTTP: whoever is on the way can read tokens and messages",
    };
  }
  const found = await certificateOf(host, Number(port || 443));
  if (typeof found === "string") return { name, verdict: "fail", detail: found };
  const { version, validTo, fault } = found;
  const left = validTo - now;
  const until = new Date(validTo).toISOString().slice(0, 10);
  const figures = { version, validTo: new Date(validTo).toISOString() };
  if (fault !== undefined)
    return { name, verdict: "fail", detail: `the certificate is not trusted here: ${fault}`, figures };
  if (left < soon) {
    const detail = `the certificate ends on ${until}, in ${Math.max(0, Math.floor(left / day))} days`;
    return { name, verdict: "warn", detail, figures };
  }
  return { name, verdict: "ok", detail: `${version}, certificate until ${until}`, figures };
}

interface Certificate {
  version: string;
  /** Milliseconds since 1970. */
  validTo: number;
  /** Why it is not trusted: `CERT_HAS_EXPIRED`. */
  fault?: string;
}

/** What the server shows of itself, trusted or not; a sentence when there is no TLS to be had. */
function certificateOf(host: string, port: number): Promise<Certificate | string> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      // An address is no name to ask for.
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: false,
      timeout: patience,
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
    socket.on("timeout", () => end("no TLS within 10 s"));
    socket.on("error", (error: { code?: string }) => end(`no TLS: ${error.code ?? "the handshake failed"}`));
  });
}
