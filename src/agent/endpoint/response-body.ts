import type { StreamPipe } from "../../adapters/types.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";

/** The most bytes that wait for a slow caller. */
const bufferBytes = 256 * 1024;

const encoder = new TextEncoder();

/** Options of `responseBody`. */
export interface ResponseBodyOptions {
  /** Translates or watches the bytes; without it they pass unchanged. */
  pipe?: StreamPipe;
  /** Returns the last bytes for a caller whose response breaks off; without it the connection breaks off too. */
  brokenOff?(pipe: StreamPipe): string;
  /** Called when nothing more is read. */
  over?(): void;
}

/** Streams the body of a provider's response. A slow caller slows the provider down; a caller that leaves cancels it. */
export function responseBody(
  response: ProviderResponse,
  way: ResponseBodyOptions = {},
): ReadableStream<Uint8Array> {
  const { pipe } = way;
  let isOver = false;
  const finish = () => {
    if (isOver) return;
    isOver = true;
    way.over?.();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (out: Uint8Array | string | null) => {
          if (out === null || out.length === 0) return;
          controller.enqueue(typeof out === "string" ? encoder.encode(out) : out);
          if ((controller.desiredSize ?? 0) <= 0) response.pause();
        };
        const breakOff = () => {
          if (isOver) return;
          finish();
          response.cancel();
          if (!pipe || !way.brokenOff) return controller.error();
          send(way.brokenOff(pipe));
          controller.close();
        };
        const close = () => {
          if (isOver) return;
          finish();
          controller.close();
        };
        response.pipe({
          data(bytes) {
            if (isOver) return;
            if (!pipe) return send(bytes);
            try {
              send(pipe.push(bytes));
            } catch {
              return breakOff();
            }
            if (pipe.fault) breakOff();
            else if (pipe.done) close();
          },
          end() {
            if (isOver) return;
            if (!pipe) return close();
            send(pipe.end());
            if (pipe.finished && !pipe.fault) close();
            else breakOff();
          },
          error: breakOff,
        });
      },
      pull: () => response.resume(),
      cancel() {
        finish();
        response.cancel();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
  );
}
