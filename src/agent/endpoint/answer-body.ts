import type { StreamPipe } from "../../adapters/types.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";

/** How much may wait for a caller who reads slowly. */
const bufferBytes = 256 * 1024;

const encoder = new TextEncoder();

/** What happens to an answer on its way. */
export interface AnswerWay {
  /** Translates or watches it; it is passed on as it is without. */
  pipe?: StreamPipe;
  /** What a caller is told when the answer breaks off, as the last bytes; without, the connection breaks off as well. */
  brokenOff?(pipe: StreamPipe): string;
  /** Nothing more is read. */
  over?(): void;
}

/** The body of an answer as it comes. Whoever writes it waits for a slow caller; a caller who leaves ends it. */
export function answerBody(answer: ProviderResponse, way: AnswerWay = {}): ReadableStream<Uint8Array> {
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
          if ((controller.desiredSize ?? 0) <= 0) answer.pause();
        };
        const breakOff = () => {
          if (isOver) return;
          finish();
          answer.cancel();
          if (!pipe || !way.brokenOff) return controller.error();
          send(way.brokenOff(pipe));
          controller.close();
        };
        const close = () => {
          if (isOver) return;
          finish();
          controller.close();
        };
        answer.pipe({
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
      pull: () => answer.resume(),
      cancel() {
        finish();
        answer.cancel();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
  );
}
