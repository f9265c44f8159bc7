import type { Socket, TCPSocketListener } from "bun";
import { expect, onTestFinished } from "vitest";
import {
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  type RequestOptions,
} from "../../../src/net/http1/client.ts";
import type { Exchange, HttpTarget } from "../../../src/net/http1/exchange.ts";
import { HttpFailure } from "../../../src/net/http1/http-failure.ts";

/** One connection to a scripted server. */
export interface Peer {
  socket: Socket<Peer>;
  /** The number of this connection, from 0. */
  connection: number;
  /** The number of requests that came on this connection before the current one. */
  request: number;
  /** The part of the current request that has come. */
  received: string;
  /** Resolves when the connection is closed. */
  gone: PromiseWithResolvers<void>;
}

export interface ScriptedServer {
  peers: Peer[];
  /** The bytes of each whole request, as latin1. */
  requests: string[];
  port: number;
  /** Closes the server and its connections. */
  stop(): void;
}

/**
 * Starts a TCP server that writes what a script tells it to. It stops when the test is over.
 *
 * @param script called for each whole request; a request ends at its declared length
 */
export function serve(
  script: (peer: Peer) => void,
  options: { hostname?: string; tls?: Bun.TLSOptions } = {},
): ScriptedServer {
  const peers: Peer[] = [];
  const requests: string[] = [];
  const server: TCPSocketListener<Peer> = Bun.listen<Peer>({
    hostname: "127.0.0.1",
    port: 0,
    ...options,
    socket: {
      open(socket) {
        socket.data = {
          socket,
          connection: peers.length,
          request: 0,
          received: "",
          gone: Promise.withResolvers(),
        };
        peers.push(socket.data);
      },
      data(socket, bytes) {
        const peer = socket.data;
        peer.received += bytes.toString("latin1");
        const head = peer.received.indexOf("\r\n\r\n");
        const length = Number(/content-length: (\d+)/.exec(peer.received)?.[1] ?? 0);
        if (head === -1 || peer.received.length < head + 4 + length) return;
        requests.push(peer.received);
        peer.received = "";
        script(peer);
        peer.request++;
      },
      close: (socket) => socket.data.gone.resolve(),
      error: () => {},
    },
  });
  const stop = () => server.stop(true);
  onTestFinished(stop);
  return { peers, requests, port: server.port, stop };
}

/** Creates a client that looks at its deadlines every 5 ms. It is closed when the test is over. */
export function clientOf(options: HttpClientOptions = {}): HttpClient {
  const client = createHttpClient({ tick: 5, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Builds the target `http://127.0.0.1:PORT/`, with some parts replaced. */
export function at(port: number, parts: Partial<HttpTarget> = {}): HttpTarget {
  return { protocol: "http:", hostname: "127.0.0.1", port, path: "/", ...parts };
}

/** A GET request. Its timeouts are bounds against hanging. */
export const get: RequestOptions = {
  method: "GET",
  headers: {},
  timeouts: { connect: 30_000, firstByte: 30_000, silence: 30_000 },
};

/** A whole response with the body `hello`. */
export const hello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/** Returns the failure with which a promise rejects. Fails the test if it does not reject with one. */
export async function failureOf(promise: Promise<unknown>): Promise<HttpFailure> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}

/** Yields the parts of a body one by one. Leaving the loop early cancels the response. */
export async function* partsOf(response: Exchange): AsyncGenerator<string> {
  const parts: string[] = [];
  let ended = false;
  let failure: Error | undefined;
  let changed = Promise.withResolvers<void>();
  response.pipe({
    data(bytes) {
      parts.push(bytes.toString());
      changed.resolve();
    },
    end() {
      ended = true;
      changed.resolve();
    },
    error(error) {
      failure = error;
      changed.resolve();
    },
  });
  try {
    while (true) {
      while (parts.length > 0) yield parts.shift()!;
      if (failure) throw failure;
      if (ended) return;
      await changed.promise;
      changed = Promise.withResolvers();
    }
  } finally {
    response.cancel();
  }
}
