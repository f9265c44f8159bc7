import type { MessageBody } from "../../../net/http1/message-body.ts";
import type { ServerExchange } from "./server-exchange.ts";

/** Bytes of a body that wait for the reader of a stream. */
const streamBytes = 64 * 1024;

/** Returns the request of an exchange as a `Request`; undefined for a method that a `Request` cannot have. */
export function webRequest(exchange: ServerExchange, scheme: "http" | "https"): Request | undefined {
  const { head, body, signal } = exchange;
  // A host that is none is refused by its header. It must not become a part of the URL.
  const host = head.host !== undefined && /^[\w.[\]:-]+$/.test(head.host) ? head.host : "localhost";
  const options: RequestInit & { duplex: "half" } = {
    method: head.method,
    headers: [...head.headers],
    signal,
    duplex: "half",
  };
  if (body && head.method !== "GET" && head.method !== "HEAD")
    options.body = (body.takeOnePart() as Buffer<ArrayBuffer> | undefined) ?? bodyStream(body);
  const url = `${scheme}://${host}${head.target}`;
  try {
    return new Request(URL.canParse(url) ? url : `${scheme}://localhost${head.target}`, options);
  } catch {
    return undefined;
  }
}

/** Returns a body as a stream. Nothing is read before its reader asks. */
export function bodyStream(body: MessageBody): ReadableStream<Uint8Array> {
  let isPiped = false;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (isPiped) return body.resume();
        isPiped = true;
        body.pipe({
          data(bytes) {
            controller.enqueue(bytes);
            if ((controller.desiredSize ?? 0) <= -streamBytes) body.pause();
          },
          end: () => controller.close(),
          error: (error) => controller.error(error),
        });
      },
      cancel: () => body.cancel(),
    },
    { highWaterMark: 0, size: (bytes) => bytes?.length ?? 0 },
  );
}
