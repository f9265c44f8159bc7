import { expect, it } from "vitest";
import { probePaths } from "../../src/wire/probe.ts";
import { must, startBinary } from "../support/binary.ts";
import { flood } from "../support/flood.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  lastChunk,
  reply,
  type Script,
  streamHead,
  upstream,
} from "../support/upstream.ts";

it.skipIf(process.platform !== "linux").each([
  [4000, 1024],
  [1500, 256],
])(
  "%i connections to a server with %i descriptors leave room for calls, the Unix socket and providers (T99, failure mode 78)",
  async (connections, descriptors) => {
    const limited = ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh"];
    const flooded = Promise.withResolvers<void>();
    const script: Script = async (asked, connection) => {
      // Each call needs a connection of its own to the provider.
      if (!asked.body?.stream)
        return connection.write(reply(200, chatAnswer("here"), { connection: "close" }));
      const frames = chatFrames(["be", "fore", "after"], false);
      connection.write(streamHead + chunk(frames[0]!));
      await flooded.promise;
      for (const frame of frames.slice(1)) connection.write(chunk(frame));
      connection.write(lastChunk);
    };
    const server = await startBinary({ before: limited });
    const { url } = upstream(script);
    await must(server.run(`create llm gpt --type openai --model up --url ${url} --skip-auth-check`));
    const { token } = JSON.parse(
      await must(server.run("create token t --bind role:run,resource:llms -o json")),
    );
    const chat = (stream: boolean, signal?: AbortSignal) =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "gpt", stream, messages: [{ role: "user", content: "hi" }] }),
        keepalive: false,
        ...(signal && { signal }),
      });
    // A new connection may be reset among so many, or wait for a minute in the kernel. SDKs try again, too.
    const answered = async () => {
      for (;;) {
        try {
          const answer = await chat(false, AbortSignal.timeout(10_000));
          return [answer.status, await answer.text()];
        } catch {
          await Bun.sleep(500);
        }
      }
    };
    const streamed = await chat(true);
    const socket = new WebSocket(`${server.url.replace("http", "ws")}${probePaths.stream}`, {
      headers: { authorization: `Bearer ${token}` },
    } as never);
    await new Promise((resolve) => socket.addEventListener("open", resolve));

    let isOver = false;
    const done = flood(Number(new URL(server.url).port), connections).then(() => {
      isOver = true;
    });
    for (let round = 0; !isOver || round < 5; round++) {
      expect((await server.admin("GET", "/api/v1/llms")).status).toBe(200);
      expect(await answered()).toEqual([200, expect.stringContaining("here")]);
    }
    await done;
    flooded.resolve();
    expect(await streamed.text()).toContain("[DONE]");
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.close();

    const { text } = await server.admin("GET", "/metrics");
    const closed = /^mcpctl_connections_closed_total\{reason="descriptors"\} (\d+)$/m.exec(text)?.[1];
    expect(Number(closed)).toBeGreaterThan(connections / 20);
    const open = Number(/^mcpctl_open_connections (\d+)$/m.exec(text)?.[1]);
    expect(open).toBeLessThan(descriptors * 0.75);
    const lines = server.said.stderr.split("\n").filter((line) => line.includes("descriptors are in use"));
    expect(lines).toHaveLength(1);
  },
);
