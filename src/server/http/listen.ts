import { chmodSync, existsSync, rmSync } from "node:fs";
import { AppError } from "../../errors.ts";
import type { SocketHandler } from "../core/socket-handler.ts";

/** Something that takes requests. */
export interface Listener {
  url: string;
  /** Where one of its requests comes from; undefined on a Unix socket, and when the caller has gone. */
  addressOf(request: Request): string | undefined;
  /**
   * Makes one of its requests a WebSocket, which opens before this returns; the response to it goes nowhere.
   *
   * @param headers of the answer
   * @returns false when the request is none that can become one
   */
  upgrade(request: Request, handler: SocketHandler, headers: Record<string, string>): boolean;
  /** Takes no new connections; returns when all requests are answered. */
  drain(): Promise<void>;
  /** Ends what is still open. */
  close(): Promise<void>;
}

type Handler = (request: Request) => Promise<Response>;

/**
 * What is too large is refused in `readText`, in the API's own words. Bun keeps nothing of a body that nobody
 * reads, so its own limit would save no memory (T59).
 */
const maxRequestBodySize = Number.MAX_SAFE_INTEGER;

/** A frame over this closes its WebSocket: an answer that is not streamed comes in one, and a body is 32 MB at most. */
const maxFrameBytes = 33 * 1024 * 1024;

/** What may wait for a peer before all else is dropped: two bodies, as large as they may be, on a slow line. */
const maxWaitingBytes = 64 * 1024 * 1024;

const websocket: Bun.WebSocketHandler<SocketHandler> = {
  maxPayloadLength: maxFrameBytes,
  backpressureLimit: maxWaitingBytes,
  // Seconds. Pings go out in time for it, so that only a peer that is gone is cut off.
  idleTimeout: 30,
  sendPings: true,
  open: (socket) => socket.data.opened(socket),
  message({ data }, message) {
    if (typeof message === "string") data.text(message);
    else data.bytes(message);
  },
  close: ({ data }) => data.closed(),
};

/** Bytes in the path of a Unix socket that macOS takes; Linux takes four more. */
const maxSocketPath = 103;

/**
 * Listens on TCP, alone on its port.
 *
 * @throws AppError `unavailable` when the port is taken or may not be used
 */
export function listenTcp({ hostname, port }: { hostname: string; port: number }, handle: Handler): Listener {
  try {
    const server = Bun.serve<SocketHandler>({
      hostname,
      port,
      reusePort: false,
      maxRequestBodySize,
      // Bun would print what goes wrong in a stream, with source lines.
      development: false,
      idleTimeout: 30,
      websocket,
      fetch(request, bun) {
        // Quiet streams have a heartbeat, slow bodies a deadline: the idle limit is for what sends no request.
        bun.timeout(request, 0);
        return handle(request);
      },
    });
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return listener(server, `http://${host}:${server.port}`);
  } catch (cause) {
    throw cannotListen(`${hostname}:${port}`, cause);
  }
}

/** Listens on a Unix socket that only its owner can open. Whoever can is the administrator. */
export async function listenUnix(path: string, handle: Handler): Promise<Listener> {
  if (Buffer.byteLength(path) > maxSocketPath) {
    throw new AppError("unavailable", `the path of the Unix socket is too long: ${path}`, {
      hint: `choose a data directory with a shorter path: at most ${maxSocketPath} bytes in all`,
    });
  }
  if (existsSync(path)) {
    if (await answers(path)) throw new AppError("unavailable", `another mcpctl server is using ${path}`);
    rmSync(path);
  }
  try {
    const server = Bun.serve<SocketHandler>({
      unix: path,
      maxRequestBodySize,
      development: false,
      websocket,
      fetch: handle,
      // On a Unix socket `timeout(request, 0)` does nothing, and a quiet stream would be cut after 10 s. This is
      // heeded there, though Bun's types do not know it.
      ...({ idleTimeout: 0 } as object),
    });
    chmodSync(path, 0o600);
    const self = listener(server, `unix://${path}`);
    return {
      ...self,
      async close() {
        await self.close();
        rmSync(path, { force: true });
      },
    };
  } catch (cause) {
    throw cannotListen(path, cause);
  }
}

function listener(server: Bun.Server<SocketHandler>, url: string): Listener {
  return {
    url,
    addressOf: (request) => server.requestIP(request)?.address,
    upgrade: (request, data, headers) => server.upgrade(request, { data, headers }),
    async drain() {
      await server.stop(false);
    },
    async close() {
      await server.stop(true);
    },
  };
}

/** Whether somebody listens on a Unix socket; a file that a kill left behind does not answer. */
async function answers(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

function cannotListen(where: string, cause: unknown): AppError {
  const { code } = cause as { code?: string };
  if (code === "EADDRINUSE") {
    return new AppError("unavailable", `${where} is taken by another program`, {
      cause,
      hint: "is another mcpctl server running? Choose another with --listen",
    });
  }
  if (code === "EACCES") return new AppError("unavailable", `not allowed to listen on ${where}`, { cause });
  return new AppError("unavailable", `cannot listen on ${where}: ${code ?? "unknown reason"}`, { cause });
}
