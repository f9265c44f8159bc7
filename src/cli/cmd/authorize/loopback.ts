import { AppError } from "../../../errors.ts";

/** Waits on this machine for the browser that an authorization server sends back. */
export interface Loopback {
  /** The address to which the browser is sent. */
  redirectUri: string;
  /** Returns the parameters with which it came. Rejects with AppError when the time is over. */
  answer: Promise<URLSearchParams>;
  close(): void;
}

const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  connection: "close",
};

/**
 * Listens on a loopback address. Only a request with the state of this login ends it, and only the first one.
 *
 * @param port 0 for any
 * @param isOwn true for the state of the login
 */
export function listenForAnswer(port: number, isOwn: (state: string | null) => boolean): Loopback {
  const { promise, resolve } = Promise.withResolvers<URLSearchParams>();
  let server: ReturnType<typeof Bun.serve>;
  try {
    server = Bun.serve({
      hostname: "127.0.0.1",
      port,
      development: false,
      maxRequestBodySize: 0,
      fetch(request) {
        const { pathname, searchParams } = new URL(request.url);
        if (request.method !== "GET" || pathname !== "/callback" || !isOwn(searchParams.get("state")))
          return new Response("Not found\n", { status: 404 });
        resolve(searchParams);
        return new Response(
          '<!doctype html><html lang="en"><meta charset="utf-8"><title>mcpctl</title>' +
            "<p>mcpctl has the answer. The terminal says how it ended; you can close this page.</p></html>\n",
          { headers },
        );
      },
    });
  } catch (cause) {
    throw new AppError("conflict", `cannot listen on port ${port} of this machine`, {
      cause,
      hint: "choose another one with --port, or use --paste",
    });
  }
  return {
    redirectUri: `http://127.0.0.1:${server.port}/callback`,
    answer: promise,
    close() {
      // The page is on its way to the browser, which must not keep the program.
      server.unref();
      void server.stop(false);
    },
  };
}
