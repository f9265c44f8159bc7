/** A behaviour of a proxy that its settings can change. */
export type ProxyFault = "buffering" | "uploads" | "body-size" | "websocket" | "idle" | "host";

export const proxies = ["nginx", "Traefik", "Caddy", "Cloudflare"] as const;
export type ProxyName = (typeof proxies)[number];

/** The aim of each fix, and its settings by proxy. Lines that begin with `#` are explanations. */
const remedies: Record<ProxyFault, { what: string } & Record<ProxyName, readonly string[]>> = {
  buffering: {
    what: "pass responses on at once",
    nginx: ["proxy_buffering off;", "gzip off;", "# and no proxy_ignore_headers X-Accel-Buffering"],
    Traefik: [
      "# remove the middleware `buffering` from the router; with the middleware `compress`:",
      "http.middlewares.NAME.compress.excludedContentTypes: [text/event-stream]",
    ],
    Caddy: [
      "reverse_proxy 127.0.0.1:7777 {",
      "  flush_interval -1",
      "}",
      "# and no response_buffers; `encode` must not include text/event-stream",
    ],
    Cloudflare: [
      "# text/event-stream passes, but not through quick tunnels (trycloudflare.com): use a named tunnel.",
      "# Otherwise a proxy between Cloudflare and the server holds responses back.",
    ],
  },
  uploads: {
    what: "pass requests on at once",
    nginx: ["proxy_request_buffering off;", "proxy_http_version 1.1;"],
    Traefik: [
      "# remove the middleware `buffering` from the router, and let bodies take longer than 60 s:",
      "entryPoints.websecure.transport.respondingTimeouts.readTimeout: 0",
    ],
    Caddy: ["# remove request_buffers from reverse_proxy"],
    Cloudflare: ["# The edge may hold request bodies until they are complete; mcpctl works with that."],
  },
  "body-size": {
    what: "accept requests as large as the server does, 32 MB",
    nginx: ["client_max_body_size 32m;"],
    Traefik: ["http.middlewares.NAME.buffering.maxRequestBodyBytes: 33554432"],
    Caddy: ["request_body {", "  max_size 32MB", "}"],
    Cloudflare: ["# Bodies up to 100 MB pass on the smallest plan: another proxy sets the limit."],
  },
  websocket: {
    what: "pass WebSockets on",
    nginx: [
      "proxy_http_version 1.1;",
      "proxy_set_header Upgrade $http_upgrade;",
      'proxy_set_header Connection "upgrade";',
    ],
    Traefik: [
      "# passes them by default: look for a `headers` middleware that sets Connection or Upgrade, and for HTTP/2",
      "# between Traefik and the server (url: h2c://…), which has no upgrades",
    ],
    Caddy: [
      "# passes them by default, unless the transport is HTTP/2 only:",
      "reverse_proxy 127.0.0.1:7777 {",
      "  transport http {",
      "    versions 1.1",
      "  }",
      "}",
    ],
    Cloudflare: ["# Dashboard, the domain, Network: WebSockets on"],
  },
  idle: {
    what: "keep silent connections open",
    nginx: ["proxy_read_timeout 3600s;", "proxy_send_timeout 3600s;"],
    Traefik: [
      "entryPoints.websecure.transport.respondingTimeouts.readTimeout: 0",
      "entryPoints.websecure.transport.respondingTimeouts.writeTimeout: 0",
    ],
    Caddy: ["reverse_proxy 127.0.0.1:7777 {", "  transport http {", "    read_timeout 1h", "  }", "}"],
    Cloudflare: [
      "# A response that sends nothing for about 100 s is ended with 524; only the Enterprise plan can raise that.",
      "# Use streams, which are never silent for that long, or let the name bypass Cloudflare (DNS only).",
    ],
  },
  host: {
    what: "pass the Host header on (and start the server with --public-url and that name)",
    nginx: ["proxy_set_header Host $host;"],
    Traefik: ["http.services.NAME.loadBalancer.passHostHeader: true"],
    Caddy: ["reverse_proxy 127.0.0.1:7777 {", "  header_up Host {host}", "}"],
    Cloudflare: [
      "# cloudflared, config.yml, in the ingress rule:",
      "originRequest:",
      "  httpHostHeader: NAME",
    ],
  },
};

/** The fix of a fault: its aim, and the settings of each proxy. */
export interface Remedy {
  fault: ProxyFault;
  what: string;
  lines: { proxy: ProxyName; lines: readonly string[] }[];
}

/**
 * The fixes of faults.
 *
 * @param seen the recognised proxies; if there are none, the fixes of all are returned. Cloudflare may hide another one
 */
export function remediesFor(faults: readonly ProxyFault[], seen: readonly ProxyName[]): Remedy[] {
  const known = seen.some((proxy) => proxy !== "Cloudflare") ? seen : proxies;
  const shown = proxies.filter((proxy) => known.includes(proxy));
  return [...new Set(faults)].map((fault) => ({
    fault,
    what: remedies[fault].what,
    lines: shown.map((proxy) => ({ proxy, lines: remedies[fault][proxy] })),
  }));
}

/** The proxies that add headers to a response. */
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
