import type { Socket, SocketHandler, TLSOptions } from "bun";
import type { HttpProxy } from "../../proxies.ts";
import { type Connection, secureHandlers } from "./connection.ts";
import type { HttpTarget } from "./exchange.ts";
import { HttpFailure } from "./http-failure.ts";

/** The longest head of a proxy's response, in bytes. */
const headLimit = 16 * 1024;

/** A proxy has answered with anything but success. */
export class TunnelRefused extends Error {
  readonly code = "ERR_PROXY_TUNNEL";
}

/**
 * Opens a TLS connection to a target through a proxy (RFC 9110 section 9.3.6). The certificate is that of the target, and
 * the proxy sees names and ports only.
 */
export function openTunnel(
  address: string,
  proxy: HttpProxy,
  target: HttpTarget,
  tls: TLSOptions,
  connection: Connection,
): Promise<unknown> {
  let head = Buffer.alloc(0);
  let isOpen = false;
  const handlers: SocketHandler<Connection> = {
    open(socket) {
      connection.attach(socket);
      socket.write(connectRequest(proxy, target));
    },
    data(socket, bytes) {
      // After the switch to TLS these are the encrypted bytes.
      if (isOpen) return;
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end === -1 && head.length <= headLimit) return;
      const [, status] = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head.subarray(0, 15).toString("latin1")) ?? [];
      if (end === -1 || status === undefined || end + 4 !== head.length || !status.startsWith("2"))
        return connection.lost(new TunnelRefused(`status: ${status ?? "none, it does not speak HTTP"}`));
      isOpen = true;
      startTls(socket, tls, connection);
    },
    end: () => connection.lost(undefined),
    close: (_, error) => connection.lost(error),
    error: (_, error) => connection.lost(error),
    drain() {},
  };
  return Bun.connect({ hostname: address, port: proxy.port, data: connection, socket: handlers });
}

function startTls(socket: Socket<Connection>, tls: TLSOptions, connection: Connection): void {
  try {
    socket.upgradeTLS<Connection>({ data: connection, tls, socket: secureHandlers });
  } catch (cause) {
    connection.lost(cause as Error);
  }
}

function connectRequest({ authorization }: HttpProxy, { hostname, port }: HttpTarget): string {
  const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  const login = authorization === undefined ? "" : `proxy-authorization: ${authorization}\r\n`;
  return `CONNECT ${host}:${port} HTTP/1.1\r\nhost: ${host}:${port}\r\n${login}\r\n`;
}

/** Notes the proxy in a failure to connect. */
export function throughProxy(failure: unknown, proxy: HttpProxy | undefined): unknown {
  if (proxy && failure instanceof HttpFailure) failure.proxy = proxy.name;
  return failure;
}
