import { onTestFinished } from "vitest";
import { type TestAuthority, testAuthority } from "./certificates.ts";

/** An address at which no mcpctl server can be called, and the words for the reason. */
export interface Unreachable {
  url: string;
  /** The code of the error. */
  code: string;
  /** The words of the table. */
  words: string;
}

/** Starts a server whose bytes are not HTTP, or that cuts each connection. Returns its port. */
function rawServer(greeting: string | undefined): number {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        if (greeting === undefined) return void socket.terminate();
        socket.write(greeting);
        socket.end();
      },
    },
  });
  onTestFinished(() => server.stop(true));
  return server.port;
}

function tlsServer(tls: { cert: string; key: string }): number {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response("ok\n") });
  onTestFinished(() => server.stop(true));
  return server.port!;
}

/** Returns the port of a server that is gone. */
export function closedPort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  server.stop(true);
  return server.port;
}

/** Faults without TLS. */
export function plainFaults(): Record<string, Unreachable> {
  return {
    "a closed port": {
      url: `http://127.0.0.1:${closedPort()}`,
      code: "ECONNREFUSED",
      words: "the connection was refused",
    },
    "an unknown name": {
      url: "http://nowhere.invalid",
      code: "ENOTFOUND",
      words: "the host name was not found",
    },
    "TLS to a server without TLS": {
      url: `https://127.0.0.1:${rawServer("HTTP/1.1 400 Bad Request\r\n\r\n")}`,
      code: "EPROTO",
      words: "the server does not speak TLS on this port",
    },
  };
}

/** Faults of certificates, each for real. */
export function certificateFaults(authority: TestAuthority = testAuthority()): Record<string, Unreachable> {
  const withChain = ({ cert, key }: { cert: string; key: string }) => ({ cert: cert + authority.ca, key });
  const at = (tls: { cert: string; key: string }) => `https://localhost:${tlsServer(tls)}`;
  const own = authority.issue("DNS:localhost");
  return {
    "an unknown authority": {
      url: at(withChain(own)),
      code: "SELF_SIGNED_CERT_IN_CHAIN",
      words: "the certificate was signed by an unknown authority",
    },
    "an incomplete chain": {
      url: at(own),
      code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      words:
        "the certificate was signed by an unknown authority, or the server does not send the whole chain",
    },
    "an expired certificate": {
      url: at(withChain(authority.issue("DNS:localhost", -1))),
      code: "CERT_HAS_EXPIRED",
      words: "the certificate has expired",
    },
  };
}

/** A server with a good certificate for another name; it is found out only where the authority is trusted. */
export function wrongName(authority: TestAuthority): Unreachable {
  return {
    url: `https://localhost:${tlsServer(authority.issue("DNS:elsewhere.test"))}`,
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
    words: "the certificate is for another host name",
  };
}

/** Returns the port of a server that speaks TLS, for calls without it. */
export function tlsPort(authority: TestAuthority): number {
  return tlsServer(authority.issue("DNS:localhost"));
}

/** Returns the port of a server that greets as SSH does. */
export function sshPort(): number {
  return rawServer("SSH-2.0-OpenSSH_9.9\r\n");
}

/** Returns the port of a server that resets each connection. */
export function resettingPort(): number {
  return rawServer(undefined);
}
