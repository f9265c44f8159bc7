import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import { systemReason } from "../../../../system-errors.ts";
import type { DatabaseHost, TlsSettings } from "./settings.ts";

/** A connection that is ready for the first message of PostgreSQL. */
export interface Dialled {
  socket: Socket | TLSSocket;
  isEncrypted: boolean;
}

/** The message that asks for TLS: its length, and 80877103 (postgresql.org/docs/current/protocol-message-formats.html). */
const tlsRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * Connects to one server, with TLS as the settings say. Never with TLS over a Unix socket, as libpq.
 *
 * @param timeout milliseconds
 * @throws Error with a code that begins with CONNECT, or that of the system
 */
export async function dial(
  target: DatabaseHost,
  { mode, ca, cert, key }: TlsSettings,
  timeout: number,
): Promise<Dialled> {
  const raw = "path" in target ? connect(target.path) : connect(target.port, target.host);
  const late = setTimeout(
    () => raw.destroy(failed("CONNECT_TIMEOUT", `no connection within ${timeout} ms`)),
    timeout,
  );
  try {
    await once(raw, "connect");
    if ("path" in target || mode === "disable") return { socket: raw, isEncrypted: false };
    raw.write(tlsRequest);
    const [answer] = (await once(raw, "data")) as [Buffer];
    if (answer[0] === 0x4e && answer.length === 1) {
      if (mode === "prefer") return { socket: raw, isEncrypted: false };
      throw failed("CONNECT_TLS", `the server offers no TLS, which sslmode=${mode} needs`);
    }
    // Bytes behind the answer would be taken for encrypted ones (CVE-2021-23222).
    if (answer[0] !== 0x53 || answer.length !== 1)
      throw failed("CONNECT_TLS", "the server did not answer the question for TLS");
    const { host } = target;
    const verifies = mode === "verify-ca" || mode === "verify-full";
    const socket = connectTls({
      socket: raw,
      ...(isIP(host) === 0 && { servername: host }),
      // Checked below, so that the reason is known.
      rejectUnauthorized: false,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert, key }),
    });
    await once(socket, "secureConnect");
    if (verifies) verify(socket, mode === "verify-full" ? host : undefined);
    return { socket, isEncrypted: true };
  } catch (error) {
    raw.on("error", () => {});
    raw.destroy();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** Throws unless a known authority signed the certificate, and it is for the host, if that is given. */
function verify(socket: TLSSocket, host: string | undefined): void {
  const reason = socket.authorized ? undefined : codeOf(socket.authorizationError);
  // The check of the name is made below, and not at all without a host.
  if (reason !== undefined && !/ALTNAME|HOSTNAME/.test(reason)) throw notValid(reason);
  if (host !== undefined && checkServerIdentity(host, socket.getPeerCertificate()))
    throw notValid("ERR_TLS_CERT_ALTNAME_INVALID");
}

/** Bun gives the code itself, or an error with it. */
function codeOf(reason: unknown): string {
  return reason instanceof Error && "code" in reason ? String(reason.code) : String(reason);
}

function notValid(code: string): Error {
  const words = systemReason({ code })?.text ?? "the certificate of the server is not valid";
  return failed("CONNECT_TLS", `${words} (${code})`);
}

function failed(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
