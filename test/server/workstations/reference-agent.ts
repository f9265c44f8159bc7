/** A complete agent for one model that uses only fetch: an example for agents of third parties. */

export interface ReferenceAgent {
  /** The server's address: `http://127.0.0.1:7777`. */
  server: string;
  token: string;
  /** The name to publish. */
  name: string;
  /** Returns a chat completion: an object, or its chunks one by one. */
  answer(request: Record<string, unknown>): AsyncIterable<object> | Record<string, unknown>;
  signal: AbortSignal;
}

/** Registers, attaches and serves calls until the signal aborts. */
export async function referenceAgent({ server, token, name, answer, signal }: ReferenceAgent): Promise<void> {
  const api = `${server}/api/v1/llms/_provider`;
  const post = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(api + path, { method: "POST", headers, body: JSON.stringify(body), signal });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.json() as Promise<Record<string, unknown>>;
  };
  const providers = [{ name, type: "openai", model: name }];
  const { providerSessionId } = await post("-register", { providers });
  const beat = setInterval(() => post("-heartbeat", { providerSessionId }).catch(() => {}), 30_000);
  signal.addEventListener("abort", () => clearInterval(beat));

  const run = async (task: { kind: string; taskId: string; request: Record<string, unknown> }) => {
    const result = (body: object) => post(`-task/${task.taskId}/result`, body);
    try {
      const answered = task.kind === "wake" ? {} : answer(task.request);
      if (!(Symbol.asyncIterator in answered)) return void (await result({ status: 200, body: answered }));
      for await (const chunk of answered as AsyncIterable<object>) {
        const { cancelled } = await result({ chunk: { data: JSON.stringify(chunk) } });
        if (cancelled) return;
      }
      await result({ chunk: { data: "[DONE]", done: true } });
    } catch (error) {
      await result({ error: String(error) }).catch(() => {});
    }
  };

  const headers = {
    authorization: `Bearer ${token}`,
    "x-mcpctl-provider-session": String(providerSessionId),
  };
  const stream = await fetch(`${api}-stream`, { headers, signal });
  let text = "";
  for await (const bytes of stream.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (text + bytes).split("\n\n");
    text = frames.pop()!;
    for (const frame of frames) {
      if (!/^event: task$/m.test(frame)) continue;
      void run(JSON.parse(/^data: (.*)$/m.exec(frame)![1]!));
    }
  }
}
