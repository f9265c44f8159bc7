/**
 * Starts a proxy that adds a bearer to each request, because the suite has none to send. All else goes through as it is,
 * `Host` and `Origin` too. Returns its address.
 */
export function startBearerProxy(target: string, bearer: string): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const headers = new Headers(request.headers);
      headers.set("authorization", `Bearer ${bearer}`);
      const body = await request.arrayBuffer();
      return fetch(target, {
        method: request.method,
        headers,
        ...(body.byteLength > 0 && { body }),
        signal: request.signal,
        redirect: "manual",
        decompress: false,
        timeout: false,
      } as RequestInit);
    },
    error: () => new Response(null, { status: 502 }),
  });
  return `http://127.0.0.1:${server.port}/mcp`;
}
