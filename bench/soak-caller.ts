import { type Ending, NumberedStream } from "./numbered.ts";

/** Statuses before the first byte, when a model cannot be called now. */
const transient = [429, 502, 503, 504];

export interface StreamCall {
  port: number;
  bearer: string;
  model: string;
  tokens: number;
  /** Milliseconds that it may take in all. */
  deadline: number;
}

/**
 * Asks for one stream of numbered tokens and reads it to its end. Whatever the agents do, the server is there: a
 * connection that it does not end in good order, an error that does not say what it is, or a stream that takes too
 * long is wrong.
 */
export async function callForStream({
  port,
  bearer,
  model,
  tokens,
  deadline,
}: StreamCall): Promise<Ending | { hung: string }> {
  const stream = new NumberedStream(tokens);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), deadline);
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify({
        model,
        messages: [{ role: "user", content: "count" }],
        stream: true,
        max_tokens: tokens,
      }),
      signal: late.signal,
    });
    if (response.status !== 200) return refusal(response.status, await response.text());
    for await (const bytes of response.body!) stream.push(bytes);
    return stream.ending();
  } catch (error) {
    if (late.signal.aborted)
      return { hung: `${model} had not ended after ${stream.count} of ${tokens} tokens` };
    return { wrong: `the connection failed after ${stream.count} tokens: ${error}` };
  } finally {
    clearTimeout(timer);
  }
}

/** An error instead of a stream. */
function refusal(status: number, text: string): Ending {
  const wrong = { wrong: `status ${status}: ${text.slice(0, 200)}` };
  if (!transient.includes(status)) return wrong;
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string; code?: string } };
    return error?.message && error.code ? { error: `${status} ${error.code}` } : wrong;
  } catch {
    return wrong;
  }
}
