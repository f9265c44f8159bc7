import { chmodSync, existsSync, rmSync } from "node:fs";
import { isIP } from "node:net";
import { AppError } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";
import { handleFramed, type RequestHandler, secondsUntilClose } from "../../wire/incoming-request.ts";
import { TurnQueue, TurnShare } from "../../wire/next-turn.ts";
import type { SocketHandler } from "../core/socket-handler.ts";
import { listeningSocket, PassedListener } from "./connections/hand-over.ts";
import { RequestsUnderWay } from "./connections/requests-under-way.ts";
import { OwnListener } from "./http1/own-listener.ts";
import type { Listener, TcpListener, TcpOptions, TlsMaterial } from "./listener.ts";

/**
 * No limit of Bun: `readText` refuses bodies that are too large, with an error of the API. Bun does not buffer a body
 * before it is read, so its own limit would save no memory (T59).
 */
const maxRequestBodySize = Number.MAX_SAFE_INTEGER;

/**
 * The most bytes of a frame: Bun puts it together and decodes it in one turn of the event loop. An agent of revision 3
 * sends bodies in parts; of an older one, a response that is not streamed comes in one frame (T137).
 */
const maxFrameBytes = 8 * 1024 * 1024;

/** The most bytes that wait for a slow peer: two bodies of the largest size. */
const maxWaitingBytes = 64 * 1024 * 1024;

/** Milliseconds in one turn of the event loop in which requests are handled as they are read (T260). */
const requests = new TurnQueue(new TurnShare(8));

/**
 * Handles a request in a later turn: Bun reads thousands of pipelined requests in one. It reads no further on the
 * connection of one that has no response yet.
 */
async function later(request: Request, handle: RequestHandler): Promise<Response> {
  await new Promise<void>((resolve) => requests.add(resolve));
  return handleFramed(request, handle);
}

/** Returns the handlers of WebSockets. */
function webSocketHandlers(
  closed: (handler: SocketHandler) => void = () => {},
): Bun.WebSocketHandler<SocketHandler> {
  return {
    maxPayloadLength: maxFrameBytes,
    backpressureLimit: maxWaitingBytes,
    // Seconds. Bun sends pings in time, so that only a dead peer is cut off.
    idleTimeout: 30,
    sendPings: true,
    open: (socket) => socket.data.opened(socket),
    message({ data }, message) {
      if (typeof message === "string") data.text(message);
      else data.bytes(message);
    },
    close({ data }) {
      closed(data);
      data.closed();
    },
  };
}

/** Seconds without a request after which a connection is closed. */
const defaultIdleSeconds = 60;

/** The most bytes in the path of a Unix socket on macOS. Linux takes four more. */
const maxSocketPath = 103;

/**
 * Listens on a TCP port that no other process has, or on the socket that systemd passes.
 *
 * @throws AppError `unavailable` if the port is taken or may not be used
 */
export function listenTcp(options: TcpOptions, handle: RequestHandler): TcpListener {
  try {
    return options.isPlain ? servePlainly(options, handle) : new OwnListener(options, handle, servePlainly);
  } catch (cause) {
    throw thrownByListen(cause, options);
  }
}

/** Returns the error for the reason why a TCP port cannot be listened on. */
export function thrownByListen(cause: unknown, { hostname, port }: TcpOptions): AppError {
  if (cause instanceof AppError) return cause;
  return cannotListen(`${hostname}:${port}`, cause, isIP(hostname) === 0);
}

/** Listens on a TCP port by `Bun.serve`. */
export function servePlainly(options: TcpOptions, handle: RequestHandler): TcpListener {
  const { hostname, idleSeconds = defaultIdleSeconds, passed } = options;
  const underWay = new RequestsUnderWay();
  let isLeaving = false;
  const ended = (server: Bun.Server<SocketHandler>, request: Request, response: Response) => {
    const seconds = secondsUntilClose(request, response, idleSeconds);
    if (isLeaving) response.headers.set("connection", "close");
    // A stream goes on after this. It is forgotten when it has ended.
    if (seconds === 0) return response;
    server.timeout(request, seconds);
    underWay.end(request);
    return response;
  };
  const serve = (where: { hostname: string; port: number }, tls: TlsMaterial | undefined) =>
    Bun.serve<SocketHandler>({
      ...where,
      ...(tls && { tls }),
      reusePort: false,
      maxRequestBodySize,
      // In development mode, Bun prints errors in a stream with source lines.
      development: false,
      idleTimeout: idleSeconds,
      websocket: webSocketHandlers((handler) => underWay.removeSocket(handler)),
      fetch(request, bun) {
        // Streams have a heartbeat and bodies a deadline. The idle limit is for the time between two requests.
        bun.timeout(request, 0);
        underWay.begin(request);
        const response = requests.isFree ? handleFramed(request, handle) : later(request, handle);
        if (!(response instanceof Promise)) return ended(bun, request, response);
        return response.then((response) => ended(bun, request, response));
      },
    });
  const anyPort = { hostname: "127.0.0.1", port: 0 };
  let server = serve(passed ? anyPort : { hostname, port: options.port }, options.tls);
  let adopted = passed && PassedListener.adopt(passed, server.port!);
  const address = passed ?? { hostname, port: server.port! };
  const { port } = address;
  /** Servers with earlier certificates, whose connections have not ended yet. */
  const earlier = new Map<Bun.Server<SocketHandler>, Promise<void>>();
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  const portOf = (request: Request) => server.requestIP(request)?.port;
  const busyPorts = () => underWay.ports(portOf);
  const retire = (one: Bun.Server<SocketHandler>) =>
    earlier.set(
      one,
      one.stop(false).then(() => void earlier.delete(one)),
    );
  return {
    url: `${options.tls ? "https" : "http"}://${host}:${port}`,
    port,
    addressOf: (request) => server.requestIP(request)?.address,
    upgrade(request, data, headers) {
      const peerPort = portOf(request);
      if (peerPort !== undefined) underWay.addSocket(data, peerPort);
      if ([server, ...earlier.keys()].some((one) => canUpgrade(one, request, data, headers))) return true;
      underWay.removeSocket(data);
      return false;
    },
    endQuiet: (request) => server.timeout(request, idleSeconds),
    know: (request) => underWay.know(request),
    peerOf: (request) => server.requestIP(request) ?? undefined,
    busyPorts,
    async handOver() {
      isLeaving = passed !== undefined;
      if (passed) await adopted?.handOver(busyPorts);
    },
    renew(tls) {
      // Bun cannot change the certificate of a server. Another one takes the socket over, so that no client waits.
      const before = server;
      const descriptor = listeningSocket(port);
      if (descriptor !== undefined) {
        server = serve(anyPort, tls);
        adopted = PassedListener.adopt({ ...address, descriptor }, server.port!);
        retire(before);
      } else {
        retire(before);
        server = serve({ hostname, port }, tls);
      }
    },
    async drain() {
      await Promise.all([server.stop(false), ...earlier.values()]);
    },
    async close() {
      await Promise.all([server, ...earlier.keys()].map((one) => one.stop(true)));
    },
  };
}

/** Makes a request a WebSocket. Returns false if it cannot become one, or if it came to another server. */
function canUpgrade(
  server: Bun.Server<SocketHandler>,
  request: Request,
  data: SocketHandler,
  headers: Record<string, string>,
): boolean {
  try {
    return server.upgrade(request, { data, headers });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_INVALID_ARG_TYPE") return false;
    throw error;
  }
}

/** Listens on a Unix socket that only its owner can open. Its requests are the administrator's. */
export async function listenUnix(path: string, handle: RequestHandler): Promise<Listener> {
  if (Buffer.byteLength(path) > maxSocketPath) {
    throw new AppError("unavailable", `the path of the Unix socket is too long: ${path}`, {
      hint: `choose a data directory with a shorter path: at most ${maxSocketPath} bytes in all`,
    });
  }
  if (existsSync(path)) {
    if (await isInUse(path)) throw new AppError("unavailable", `another mcpctl server is using ${path}`);
    rmSync(path);
  }
  try {
    const server = Bun.serve<SocketHandler>({
      unix: path,
      maxRequestBodySize,
      development: false,
      websocket: webSocketHandlers(),
      async fetch(request) {
        const response = await handleFramed(request, handle);
        secondsUntilClose(request, response, 0);
        return response;
      },
      // On a Unix socket `timeout(request, 0)` does nothing, and a quiet stream would be cut after 10 s. This option
      // works there, though it is missing in Bun's types.
      ...({ idleTimeout: 0 } as object),
    });
    chmodSync(path, 0o600);
    return {
      url: `unix://${path}`,
      addressOf: () => undefined,
      upgrade: (request, data, headers) => server.upgrade(request, { data, headers }),
      endQuiet() {},
      async drain() {
        await server.stop(false);
      },
      async close() {
        await server.stop(true);
        rmSync(path, { force: true });
      },
    };
  } catch (cause) {
    throw cannotListen(path, cause);
  }
}

/** True if a process listens on a Unix socket. The file of a killed process stays, but nothing listens on it. */
async function isInUse(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/** @param isName true if the host is a name: for one that it cannot resolve, Bun reports whatever error came last */
function cannotListen(where: string, cause: unknown, isName = false): AppError {
  const { code } = cause as { code?: string };
  if (code === "EADDRINUSE") {
    return new AppError("unavailable", `${where} is taken by another program`, {
      cause,
      hint: "is another mcpctl server running? Choose another with --listen",
    });
  }
  if (code === "EACCES") return new AppError("unavailable", `not allowed to listen on ${where}`, { cause });
  if ((isName && code !== "EADDRNOTAVAIL") || code === "ERR_INVALID_ARG_TYPE")
    return new AppError("unavailable", `cannot listen on ${where}: the host was not found`, {
      cause,
      hint: "--listen takes an address or a name of this machine: 127.0.0.1:7777, 0.0.0.0:7777 or [::]:7777",
    });
  return new AppError("unavailable", `cannot listen on ${where}: ${reasonText(cause)}`, { cause });
}
