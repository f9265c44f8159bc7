import { expect, it } from "vitest";
import { must, startBinary } from "../support/binary.ts";
import { reply, type Script, streamHead, upstream } from "../support/upstream.ts";

/** A provider that thinks for long. */
const silent: Script = (asked, connection) =>
  connection.write(asked.method === "GET" ? reply(200, { data: [] }) : streamHead);

/** Reads a stream until the comment that the server sends after 15 s of silence. Throws when it ends before. */
async function heartbeatOf(response: Response): Promise<void> {
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !/^:\n\n/m.test(text); ) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended: ${text}`);
    text += value;
  }
  await reader.cancel();
}

// Bun gives up on a quiet connection after 10 s, and on a Unix socket it cannot be told otherwise per request.
it("keeps quiet streams open, over TCP and over the Unix socket: answers and watches", async () => {
  const server = await startBinary();
  const { url } = upstream(silent);
  await must(server.run(`create llm gpt --type openai --model up --url ${url} --skip-auth-check`));
  const grant = "--bind role:run,resource:llms --bind role:view,resource:llms";
  const { token } = JSON.parse(await must(server.run(`create token t ${grant} -o json`)));
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const body = JSON.stringify({ model: "gpt", stream: true, messages: [{ role: "user", content: "hi" }] });
  const open = [server.url, "http://localhost"].flatMap((base) => {
    const unix = base === server.url ? {} : { unix: server.socketPath };
    return [
      fetch(`${base}/v1/chat/completions`, { method: "POST", headers, body, ...unix }),
      fetch(`${base}/api/v1/llms?watch=1`, { headers, ...unix }),
    ];
  });
  await Promise.all(open.map(async (response) => heartbeatOf(await response)));
  expect(server.said.stderr).not.toContain("timed out");
});
