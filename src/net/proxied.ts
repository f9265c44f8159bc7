import type { HttpProxy, ProxyRule } from "../proxies.ts";

/** Returns a `fetch` that trusts only some authorities. Their certificates are in PEM. */
export function trustingFetch(ca: readonly string[], send: typeof fetch): typeof fetch {
  const trusting = (input: string | URL | Request, init?: BunFetchRequestInit) =>
    send(input, { ...init, tls: { ca: [...ca] } });
  return Object.assign(trusting, { preconnect: send.preconnect });
}

/** Returns a class of WebSockets that trust only some authorities. Their certificates are in PEM. */
export function trustingWebSocket<Options extends object, Socket extends object>(
  ca: readonly string[],
  WebSocket: SocketClass<Options, Socket>,
): SocketClass<Options, Socket> {
  return new Proxy(WebSocket, {
    construct: (Base, [url, options]: [string, Options]) =>
      new Base(url, { ...options, tls: { ca: [...ca] } }),
  });
}

/** Returns a `fetch` that uses the proxy of each URL. A failure carries the name of the proxy in `proxy`. */
export function proxiedFetch(rule: ProxyRule, send: typeof fetch): typeof fetch {
  const proxied = async (input: string | URL | Request, init?: BunFetchRequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input);
    // A Unix socket is on this machine, whatever host the URL has.
    const proxy = init?.unix === undefined ? rule(url) : undefined;
    if (!proxy) return send(input, init);
    try {
      return await send(input, { ...init, proxy: proxy.url });
    } catch (error) {
      throw withProxy(error, proxy);
    }
  };
  return Object.assign(proxied, { preconnect: send.preconnect });
}

/** A class with the constructor of Bun's WebSocket. */
type SocketClass<Options extends object, Socket extends object> = new (
  url: string,
  options: Options,
) => Socket;

/** Returns a class of WebSockets that use the proxy of each URL. */
export function proxiedWebSocket<Options extends object, Socket extends object>(
  rule: ProxyRule,
  WebSocket: SocketClass<Options, Socket>,
): SocketClass<Options, Socket> {
  return new Proxy(WebSocket, {
    construct(Base, [url, options]: [string, Options]) {
      const proxy = rule(new URL(url));
      return new Base(url, proxy ? { ...options, proxy: proxy.url } : options);
    },
  });
}

/** Notes the proxy of a call that failed. The cancellation of a call stays as it is. */
export function withProxy(error: unknown, { name }: HttpProxy): unknown {
  if (error instanceof Error && error.name !== "AbortError" && error.name !== "TimeoutError")
    Object.assign(error, { proxy: name });
  return error;
}
