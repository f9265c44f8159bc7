/** The texts that go over the wire: what is asked, and what the upstream answers. */

/** An answer of about 540 bytes, as a small chat has it. */
export const answer = JSON.stringify({
  id: "chatcmpl-Dq8rVYw2bMkXe1uTzn5cPfJ7LsHgA",
  object: "chat.completion",
  created: 1790000000,
  model: "bench-model",
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        content:
          "A proxy stands between those who ask and those who answer. It looks at who is asking, adds the key that the caller never sees, and passes the words on as they are.",
        refusal: null,
      },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 24, completion_tokens: 36, total_tokens: 60 },
  system_fingerprint: "fp_44709d6fcb",
});

const system = { role: "system", content: "You answer in one paragraph, in plain words." };
const question = "What does a proxy for language models do all day?";

/** The headers that OpenAI's package for Node.js sends besides those of each request. */
const packageHeaders = {
  accept: "application/json",
  "user-agent": "OpenAI/JS 6.1.0",
  "x-stainless-lang": "js",
  "x-stainless-package-version": "6.1.0",
  "x-stainless-os": "Linux",
  "x-stainless-arch": "x64",
  "x-stainless-runtime": "node",
  "x-stainless-runtime-version": "v22.1.0",
  "x-stainless-retry-count": "0",
  "x-stainless-timeout": "600",
  "accept-language": "*",
  "sec-fetch-mode": "cors",
  "accept-encoding": "gzip, deflate",
};

export interface ChatRequest {
  port: number;
  path?: string;
  model: string;
  headers?: Readonly<Record<string, string>>;
  /** Number of tokens that the upstream streams; unstreamed when not given. */
  tokens?: number;
  /** Words that the question has in addition. */
  words?: number;
}

/** Requests of different lengths, as programs send them: the head of none is that of the one before. */
export function chatRequests(options: ChatRequest): string[] {
  return Array.from({ length: 16 }, (_, words) => chatRequest({ ...options, words }));
}

/** A whole HTTP request for a chat completion, with a connection that is kept. */
export function chatRequest({
  port,
  path = "/v1/chat/completions",
  model,
  headers = {},
  tokens,
  words = 0,
}: ChatRequest): string {
  const body = JSON.stringify({
    model,
    messages: [system, { role: "user", content: question + " Explain.".repeat(words) }],
    ...(tokens !== undefined && { stream: true, max_tokens: tokens }),
  });
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries({ ...packageHeaders, ...headers }).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** One piece of a streamed answer, as HTTP frames it. */
export function httpChunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}

function frame(data: string): Buffer {
  return httpChunk(`data: ${data}\n\n`);
}

function chunk(choices: object[], usage?: object): Buffer {
  return frame(
    JSON.stringify({
      id: "chatcmpl-Dq8rVYw2bMkXe1uTzn5cPfJ7LsHgA",
      object: "chat.completion.chunk",
      created: 1790000000,
      model: "bench-model",
      system_fingerprint: "fp_44709d6fcb",
      choices,
      ...(usage && { usage }),
    }),
  );
}

function delta(delta: object, finish: string | null = null): Buffer {
  return chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }]);
}

const role = delta({ role: "assistant", content: "", refusal: null });
/** The end of a streamed answer, as HTTP frames it. */
export const lastChunk = Buffer.from("0\r\n\r\n");
const end = [frame("[DONE]"), lastChunk];
const usage = chunk([], { prompt_tokens: 24, completion_tokens: 500, total_tokens: 524 });

export interface Pieces {
  start: Buffer;
  token: Buffer;
  end: Buffer;
  endWithUsage: Buffer;
}

/** The head of a streamed answer. */
export const streamHead = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n",
);

/** A streamed answer in pieces: what comes at once, each token, and the end without and with usage. */
export const streamed: Pieces = {
  start: Buffer.concat([streamHead, role]),
  token: delta({ content: " token" }),
  end: Buffer.concat([delta({}, "stop"), ...end]),
  endWithUsage: Buffer.concat([delta({}, "stop"), usage, ...end]),
};

/** Number of frames without usage: the role, the tokens, the finish and [DONE]. */
export function framesOf(tokens: number): number {
  return tokens + 3;
}
