/** The baseline where there is no nginx: the shortest proxy that Bun allows. Takes `{port, upstream}` as JSON. */
const { port, upstream } = JSON.parse(process.argv[2]!) as { port: number; upstream: number };

Bun.serve({
  hostname: "127.0.0.1",
  port,
  idleTimeout: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const { status, headers, body } = await fetch(`http://127.0.0.1:${upstream}${pathname}`, {
      method: request.method,
      headers: { "content-type": "application/json" },
      body: await request.bytes(),
      signal: request.signal,
    });
    return new Response(body, {
      status,
      headers: { "content-type": headers.get("content-type") ?? "application/json" },
    });
  },
});
