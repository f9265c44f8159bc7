import { isIP } from "node:net";
import type { TLSOptions } from "bun";
import type { EndSignal } from "../../end-signal.ts";
import { Connection, type ConnectionPool, plainHandlers, secureHandlers } from "./connection.ts";
import { bare, isParts, type RequestBody, type RequestHeaders, requestEncoder } from "./encode-request.ts";
import { Exchange, type HttpTarget, type Timeouts } from "./exchange.ts";
import { connectTimeout, HttpFailure } from "./http-failure.ts";
import { openTunnel, throughProxy } from "./tunnel.ts";
import { withDescriptor } from "./with-descriptor.ts";

export interface RequestOptions {
  method: string;
  /** Without `host`, `connection` and the framing headers: the client sets these. */
  headers: RequestHeaders;
  body?: RequestBody;
  signal?: EndSignal;
  timeouts: Timeouts;
}

export interface HttpClientOptions {
  /** Added to the defaults of TLS: the certificate authorities of the system, with certificate and name verified. */
  tls?: TLSOptions;
  /** Throws to refuse an address. The client connects to the checked address and does not resolve the name again. */
  checkAddress?: (address: string, target: HttpTarget) => void;
  resolve?: (hostname: string) => Promise<string[]>;
  /** Headers of every request that does not set them itself. */
  headers?: RequestHeaders;
  /** The number of idle connections that are kept for one origin. */
  idleLimit?: number;
  /**
   * Milliseconds for which an idle connection is kept. Peers should keep theirs longer, or requests meet closed ones.
   */
  idleTime?: number;
  /** Milliseconds between two checks of the deadlines: the longest delay of a timeout. */
  tick?: number;
}

export interface HttpClient {
  /**
   * Resolves when the head of the response has come. Rejects with `HttpFailure`; with `TypeError` for a bad request.
   */
  request(target: HttpTarget, options: RequestOptions): Promise<Exchange>;
  /** Closes idle connections at once, and each busy one after its response. */
  close(): void;
}

/** Milliseconds for which one address is tried before the next one is tried as well (RFC 8305). */
const attemptDelay = 250;
/** Milliseconds for which a name is looked up that a proxy resolves itself: there may be no name server here. */
const proxiedLookUp = 1_000;
/** A longer body is sent after the head: to join a large text to the head would copy it twice. */
const joinedCharacters = 256 * 1024;

/** Creates an HTTP/1.1 client with a pool of kept connections for each origin. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { idleLimit = 256, idleTime = 30_000, tick = 250, resolve = lookUp, checkAddress } = options;
  const encodeRequest = requestEncoder(options.headers ?? {});
  const idle = new Map<string, Connection[]>();
  const all = new Set<Connection>();
  let timer: Timer | undefined;
  let closed = false;

  let now = 0;
  /** The number of connections in `idle`. */
  let resting = 0;
  /** The connections whose requests are sent at the end of this turn of the event loop. */
  let due: Connection[] = [];

  function sendDue(): void {
    const connections = due;
    due = [];
    for (const connection of connections) connection.flush();
  }

  const pool: ConnectionPool = {
    after: (milliseconds) => now + milliseconds + tick,
    send(connection) {
      // To wake a peer that sleeps takes longer than all else. Of several requests in one turn the first one wakes it.
      if (all.size - resting <= 1) connection.flush();
      else if (due.push(connection) === 1) setImmediate(sendDue);
    },
    onIdle(connection) {
      const kept = idle.get(connection.origin);
      if (closed || (kept !== undefined && kept.length >= idleLimit)) return connection.destroy();
      connection.deadline = now + idleTime;
      resting++;
      if (kept === undefined) idle.set(connection.origin, [connection]);
      else kept.push(connection);
    },
    onGone(connection) {
      all.delete(connection);
      const kept = idle.get(connection.origin);
      const index = kept?.lastIndexOf(connection) ?? -1;
      if (index !== -1) {
        kept!.splice(index, 1);
        resting--;
      }
      if (kept?.length === 0) idle.delete(connection.origin);
      if (all.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
    onStale(exchange) {
      sendFresh(exchange);
    },
  };

  function sweep(): void {
    now = performance.now();
    for (const connection of all) if (connection.deadline <= now) connection.expire();
  }

  function watch(connection: Connection): void {
    if (timer === undefined) {
      now = performance.now();
      timer = setInterval(sweep, tick);
      timer.unref();
    }
    all.add(connection);
  }

  function dialOne({ target, timeouts }: Exchange, address: string): Promise<Connection> {
    return new Promise((opened, failed) => {
      const connection = new Connection(originOf(target), pool, { opened, failed });
      const secure = target.protocol === "https:";
      const serverName = isIP(bare(target.hostname)) === 0 ? target.hostname : undefined;
      watch(connection);
      connection.deadline = pool.after(timeouts.connect);
      const { proxy } = target;
      const tls = { serverName, ALPNProtocols: "http/1.1", ...options.tls, rejectUnauthorized: true };
      if (proxy && secure) {
        const open = () => openTunnel(address, proxy, target, tls, connection);
        withDescriptor(open).catch((cause) => connection.lost(cause));
        return;
      }
      const open = () =>
        Bun.connect({
          hostname: address,
          port: proxy?.port ?? target.port,
          data: connection,
          socket: secure ? secureHandlers : plainHandlers,
          ...(secure && { tls }),
        });
      withDescriptor(open).catch((cause) => connection.lost(cause));
    });
  }

  /**
   * Checks the addresses of a target that a proxy connects to, as far as they are known here. The proxy resolves the name
   * itself, and may find others.
   */
  async function checkBehindProxy(target: HttpTarget): Promise<void> {
    const host = bare(target.hostname);
    const late = Promise.withResolvers<string[]>();
    const timer = setTimeout(() => late.resolve([]), proxiedLookUp);
    const found = isIP(host) === 0 ? await Promise.race([resolve(host).catch(() => []), late.promise]) : [];
    clearTimeout(timer);
    for (const address of [host, ...found]) check(address, target);
  }

  function check(address: string, target: HttpTarget): void {
    try {
      checkAddress?.(address, target);
    } catch (cause) {
      throw new HttpFailure("refused", `the address ${address} is refused`, { cause });
    }
  }

  async function dial(exchange: Exchange): Promise<Connection> {
    const { target } = exchange;
    const { proxy } = target;
    if (proxy) await checkBehindProxy(target);
    const host = proxy?.hostname ?? bare(target.hostname);
    let addresses: string[];
    try {
      addresses = isIP(host) === 0 ? alternate(await withDescriptor(() => resolve(host))) : [host];
    } catch (cause) {
      throw new HttpFailure("connect", `the name ${host} was not found`, { cause });
    }
    if (!proxy) for (const address of addresses) check(address, target);
    return firstToOpen(addresses, (address) => dialOne(exchange, address));
  }

  /**
   * Sends an exchange on a new connection. A connection that opens after its caller has gone is kept for the next one.
   */
  function sendFresh(exchange: Exchange): void {
    const timeout = setTimeout(() => {
      exchange.fail(throughProxy(connectTimeout(), exchange.target.proxy) as Error);
    }, exchange.timeouts.connect);
    dial(exchange).then(
      (connection) => {
        clearTimeout(timeout);
        if (exchange.over) connection.rest();
        else connection.send(exchange);
      },
      (error) => {
        clearTimeout(timeout);
        exchange.fail(throughProxy(error, exchange.target.proxy) as Error);
      },
    );
  }

  function begin(
    target: HttpTarget,
    { method, headers, body, signal, timeouts }: RequestOptions,
    waiting: PromiseWithResolvers<Exchange>,
  ): void {
    const sent = typeof body === "string" && body.length > joinedCharacters ? [Buffer.from(body)] : body;
    const message = encodeRequest(target, method, headers, sent);
    const exchange = new Exchange(target, method, message, timeouts, signal, waiting);
    if (isParts(sent)) exchange.parts = sent;
    if (signal?.aborted) return exchange.cancel();
    const kept = idle.get(originOf(target))?.pop();
    if (kept === undefined) return sendFresh(exchange);
    resting--;
    kept.send(exchange);
  }

  return {
    request(target, options) {
      const waiting = Promise.withResolvers<Exchange>();
      try {
        begin(target, options, waiting);
      } catch (error) {
        waiting.reject(error);
      }
      return waiting.promise;
    },
    close() {
      closed = true;
      for (const kept of [...idle.values()]) for (const connection of [...kept]) connection.destroy();
    },
  };
}

/** Tries the addresses in order, each one `attemptDelay` after the one before it, or when that one fails. */
function firstToOpen(
  addresses: string[],
  open: (address: string) => Promise<Connection>,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let trying = 0;
    let won = false;
    let timer: Timer | undefined;
    const start = () => {
      clearTimeout(timer);
      if (won || next === addresses.length) return;
      trying++;
      open(addresses[next++]!).then(
        (connection) => {
          clearTimeout(timer);
          if (won) return connection.rest();
          won = true;
          resolve(connection);
        },
        (error) => {
          trying--;
          if (next < addresses.length) start();
          else if (trying === 0 && !won) reject(error);
        },
      );
      if (next < addresses.length) timer = setTimeout(start, attemptDelay);
    };
    if (addresses.length === 0) reject(new HttpFailure("connect", "the name has no address"));
    start();
  });
}

/** Sorts addresses as RFC 8305 section 4 says: in the order of the resolver, with the two families in turn. */
function alternate(addresses: string[]): string[] {
  const first = isIP(addresses[0] ?? "");
  const one = addresses.filter((address) => isIP(address) === first);
  const other = addresses.filter((address) => isIP(address) !== first);
  return one
    .flatMap((address, index) => [address, ...other.slice(index, index + 1)])
    .concat(other.slice(one.length));
}

/** The origins of targets. Every call of an llm has the same target. */
const origins = new WeakMap<HttpTarget, string>();

function originOf(target: HttpTarget): string {
  let origin = origins.get(target);
  if (origin === undefined) {
    origin = `${target.protocol}${target.hostname}:${target.port}`;
    origins.set(target, origin);
  }
  return origin;
}

async function lookUp(hostname: string): Promise<string[]> {
  return (await Bun.dns.lookup(hostname)).map((entry) => entry.address);
}
