/** A streamed answer of a provider that speaks the Messages dialect. */
import { httpChunk, lastChunk, type Pieces, streamHead } from "./chat.ts";

function event(data: { type: string; [field: string]: unknown }): Buffer {
  return httpChunk(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
}

const end = Buffer.concat([
  event({ type: "content_block_stop", index: 0 }),
  event({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 500 },
  }),
  event({ type: "message_stop" }),
  lastChunk,
]);

/** In the same pieces as one in chat's dialect; of these the end has usage in any case. */
export const streamedMessages: Pieces = {
  start: Buffer.concat([
    streamHead,
    event({
      type: "message_start",
      message: {
        id: "msg_01AbCdEfGhIjKlMnOpQrStUv",
        type: "message",
        role: "assistant",
        model: "bench-model",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 24, output_tokens: 1 },
      },
    }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    event({ type: "ping" }),
  ]),
  token: event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: " token" } }),
  end,
  endWithUsage: end,
};
