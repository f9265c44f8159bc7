import { ByteLines, LineTooLong } from "../../wire/byte-lines.ts";
import { JsonMeter } from "../../wire/json-meter.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import type { RpcMessage } from "../messages.ts";
import { type MessageStream, StreamWire } from "./stream-wire.ts";
import type { WireEvents } from "./wire.ts";

/** The part of a child process that speaks MCP. */
export interface SpeakingProcess {
  readonly stdout: ReadableStream<Uint8Array>;
  write(input: string): Promise<void>;
  /** Ends the process and all that it has started. */
  stop(): Promise<void>;
}

/** The most bytes of one message. A longer one ends the connection. */
export const maxMessageBytes = 10 * 1024 * 1024;

/** Milliseconds for which the lines of one program are taken before others get a turn, of so many lines at least. */
const longestTurn = 4;
const fewLines = 256;

/** The most characters of a line that is no message, for the log. */
const noiseLength = 500;

/** Speaks to a server over the pipes of its process: one message a line. Other lines go to `onNoise`. */
export function stdioWire(process: SpeakingProcess, events: WireEvents): StreamWire {
  const stream: MessageStream = {
    send: (message: RpcMessage) => process.write(`${JSON.stringify(message)}\n`),
    close: () => process.stop(),
  };
  const wire = new StreamWire(stream, events);
  void readLines(process.stdout, (line, isHarmless) => {
    if (line.trim() !== "" && !wire.read(line, isHarmless)) events.onNoise?.(line.slice(0, noiseLength));
  }).then(
    () => wire.end(new Error("the server ended")),
    (error: Error) => {
      wire.end(error);
      void process.stop();
    },
  );
  return wire;
}

/**
 * Hands on each whole line, and true if it was looked through while it came and is harmless.
 *
 * @throws if a line is longer than `maxMessageBytes`
 */
async function readLines(
  output: ReadableStream<Uint8Array>,
  take: (line: string, isHarmless: boolean) => void,
): Promise<void> {
  let meter: JsonMeter | undefined;
  const lines = new ByteLines(maxMessageBytes, () => {
    meter = new JsonMeter();
    return meter;
  });
  let spent = 0;
  let taken = 0;
  // An iterator of the stream makes more promises for each piece.
  const reader = output.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      for (const line of lines.push(part.value)) {
        const isHarmless = meter?.isHarmless === true;
        meter = undefined;
        const began = performance.now();
        take(line, isHarmless);
        spent += performance.now() - began;
        // A turn for others costs as much as a call, and a busy machine is slow with a few lines, too.
        if (++taken < fewLines || spent < longestTurn) continue;
        // One piece of what a program writes has up to 100,000 lines (T317).
        await nextTurn();
        spent = 0;
        taken = 0;
      }
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    if (!(error instanceof LineTooLong)) throw error;
    throw new Error(`the server sent a message of more than ${maxMessageBytes / 1024 / 1024} MB`);
  }
}
