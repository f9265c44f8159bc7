/** Something that a proxy on the way does, and can be told not to do. */
export type Fault = "buffering" | "uploads" | "body-size" | "websocket" | "idle" | "host";

export const proxies = ["nginx", "Traefik", "Caddy", "Cloudflare"] as const;
export type ProxyName = (typeof proxies)[number];

/** What a fault is called, and the lines that mend it, by proxy. Lines that begin with `#` are for people. */
const remedies: Record<Fault, { what: string } & Record<ProxyName, readonly string[]>> = {
  buffering: {
    what: "pass answers on as they come",
    nginx: ["proxy_buffering off;", "gzip off;", "# and no proxy_ignore_headers X-Accel-Buffering"],
    Traefik: [
      "# take the middleware `buffering` out of the router; where it has `compress`:",
      "http.middlewares.NAME.compress.excludedContentTypes: [text/event-stream]",
    ],
    Caddy: [
      "reverse_proxy 127.0.0.1:7777 {",
      "  flush_interval -1",
      "}",
      "# and no response_buffers; `encode` must leave out text/event-stream",
    ],
    Cloudflare: [
      "# text/event-stream passes, but not through quick tunnels (trycloudflare.com): make a named tunnel.",
      "# What is held back is held by a proxy between Cloudflare and the server.",
    ],
  },
  uploads: {
    what: "pass requests on as they come",
    nginx: ["proxy_request_buffering off;", "proxy_http_version 1.1;"],
    Traefik: [
      "# take the middleware `buffering` out of the router, and let bodies take longer than 60 s:",
      "entryPoints.websecure.transport.respondingTimeouts.readTimeout: 0",
    ],
    Caddy: ["# take request_buffers out of reverse_proxy"],
    Cloudflare: ["# The edge may hold bodies until they are whole; mcpctl gets along with it."],
  },
  "body-size": {
    what: "let requests be as large as the server takes them, 32 MB",
    nginx: ["client_max_body_size 32m;"],
    Traefik: ["http.middlewares.NAME.buffering.maxRequestBodyBytes: 33554432"],
    Caddy: ["request_body {", "  max_size 32MB", "}"],
    Cloudflare: ["# Bodies up to 100 MB pass on the smallest plan: the limit is another's."],
  },
  websocket: {
    what: "let WebSockets through",
    nginx: [
      "proxy_http_version 1.1;",
      "proxy_set_header Upgrade $http_upgrade;",
      'proxy_set_header Connection "upgrade";',
    ],
    Traefik: [
      "# passes them by itself: look for a `headers` middleware that sets Connection or Upgrade, and for HTTP/2",
      "# between Traefik and the server (url: h2c://…), which has no upgrades",
    ],
    Caddy: [
      "# passes them by itself, unless the transport is HTTP/2 only:",
      "reverse_proxy 127.0.0.1:7777 {",
      "  transport http {",
      "    versions 1.1",
      "  }",
      "}",
    ],
    Cloudflare: ["# Dashboard, the domain, Network: WebSockets on"],
  },
  idle: {
    what: "put up with silence",
    nginx: ["proxy_read_timeout 3600s;", "proxy_send_timeout 3600s;"],
    Traefik: [
      "entryPoints.websecure.transport.respondingTimeouts.readTimeout: 0",
      "entryPoints.websecure.transport.respondingTimeouts.writeTimeout: 0",
    ],
    Caddy: ["reverse_proxy 127.0.0.1:7777 {", "  transport http {", "    read_timeout 1h", "  }", "}"],
    Cloudflare: [
      "# An answer that sends nothing for about 100 s is ended with 524; only the Enterprise plan may raise it.",
      "# Ask for streams, which are never silent for that long, or let the name bypass Cloudflare (DNS only).",
    ],
  },
  host: {
    what: "pass on the name that was asked for, and start the server with --public-url and that name",
    nginx: ["proxy_set_header Host $host;"],
    Traefik: ["http.services.NAME.loadBalancer.passHostHeader: true"],
    Caddy: ["reverse_proxy 127.0.0.1:7777 {", "  header_up Host {host}", "}"],
    Cloudflare: [
      "# cloudflared, config.yml, by its ingress rule:",
      "originRequest:",
      "  httpHostHeader: NAME",
    ],
  },
};

/** What would mend a fault: what the proxy is to do, and how it is told to. */
export interface Remedy {
  fault: Fault;
  what: string;
  lines: { proxy: ProxyName; lines: readonly string[] }[];
}

/**
 * How faults are mended.
 *
 * @param seen the proxies that were recognised; none for all. Behind Cloudflare there may be any other, which it hides.
 */
export function remediesFor(faults: readonly Fault[], seen: readonly ProxyName[]): Remedy[] {
  const known = seen.some((proxy) => proxy !== "Cloudflare") ? seen : proxies;
  const shown = proxies.filter((proxy) => known.includes(proxy));
  return [...new Set(faults)].map((fault) => ({
    fault,
    what: remedies[fault].what,
    lines: shown.map((proxy) => ({ proxy, lines: remedies[fault][proxy] })),
  }));
}

/** The proxies that answer themselves, by what they put into their answers. */
export function recognised(headers: Headers): ProxyName[] {
  const server = headers.get("server")?.toLowerCase() ?? "";
  const via = headers.get("via")?.toLowerCase() ?? "";
  return [
    ...(/^(nginx|openresty|angie|tengine)/.test(server) ? (["nginx"] as const) : []),
    ...(/^traefik/.test(server) || /traefik/.test(via) ? (["Traefik"] as const) : []),
    ...(/^caddy/.test(server) || /caddy/.test(via) ? (["Caddy"] as const) : []),
    ...(server === "cloudflare" || headers.has("cf-ray") ? (["Cloudflare"] as const) : []),
  ];
}
