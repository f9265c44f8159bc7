import { existsSync } from "node:fs";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import {
  type BinaryServer,
  binary,
  cleanEnv,
  freePort,
  freshFolder,
  must,
  startBinary,
  textOf,
} from "../support/binary.ts";
import {
  chatFrames,
  chunk,
  lastChunk,
  reply,
  type Script,
  streamHead,
  upstream,
} from "../support/upstream.ts";

/** A provider that says one word, and the rest when it is let go on. */
function hesitant() {
  const rest = Promise.withResolvers<void>();
  const script: Script = async (asked, connection) => {
    if (asked.method === "GET") return connection.write(reply(200, { data: [] }));
    const frames = chatFrames(["hel", "lo"], asked.body.stream_options?.include_usage);
    connection.write(streamHead + frames.slice(0, 2).map(chunk).join(""));
    await rest.promise;
    connection.write(frames.slice(2).map(chunk).join("") + lastChunk);
  };
  return { script, goOn: rest.resolve };
}

/** A stream that has begun, through TCP or the Unix socket, and what is still to come of it. */
async function openStream(server: BinaryServer, url: string, unix?: string) {
  await must(server.run(`create llm gpt --type openai --model up --url ${url} --skip-auth-check`));
  const made = await must(server.run("create token t --bind role:run,resource:llms -o json"));
  const response = await fetch(`${unix ? "http://localhost" : server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${JSON.parse(made).token}` },
    body: JSON.stringify({ model: "gpt", stream: true, messages: [{ role: "user", content: "hi" }] }),
    ...(unix !== undefined && { unix }),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"hel"')) text += (await reader.read()).value;
  return async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    return text;
  };
}

/** Reason why a new connection fails; undefined when it succeeds. */
function refusalOf(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.on("connect", () => resolve(undefined));
    socket.on("error", (error: { code?: string }) => resolve(error.code));
  });
}

it.each([["TCP"], ["the Unix socket"]])(
  "lets a stream over %s end whole on SIGTERM, takes nothing new, and ends with 0",
  async (way) => {
    const { script, goOn } = hesitant();
    const server = await startBinary();
    const rest = await openStream(
      server,
      upstream(script).url,
      way === "TCP" ? undefined : server.socketPath,
    );
    server.kill("SIGTERM");
    await server.logs(/finishing running calls/);
    await expect.poll(() => refusalOf(server.url)).toBe("ECONNREFUSED");
    goOn();
    const text = await rest();
    expect(text).toContain('"lo"');
    expect(text).toMatch(/"finish_reason":"stop"[^\n]*\n\ndata: \[DONE\]\n\n$/);
    expect(text).not.toContain("error");
    expect(await server.ended).toBe(0);
    expect(server.said.stderr).toMatch(/stopped\n$/);
    expect(existsSync(server.socketPath)).toBe(false);

    // The call is in the books of the next one.
    const next = await startBinary({ home: server.home });
    const { body } = await next.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(body).toEqual([expect.objectContaining({ status: 200, streaming: true, completionTokens: 2 })]);
  },
);

it("lets a stream end whole when its terminal is closed, also when that is told twice (failure mode 92)", async () => {
  const { script, goOn } = hesitant();
  const server = await startBinary();
  const rest = await openStream(server, upstream(script).url);
  server.kill("SIGHUP");
  await server.logs(/finishing running calls/);
  server.kill("SIGHUP");
  await expect.poll(() => refusalOf(server.url)).toBe("ECONNREFUSED");
  goOn();
  expect(await rest()).toMatch(/data: \[DONE\]\n\n$/);
  expect(await server.ended).toBe(0);
});

it("ends at once at the second signal, with an error to callers that are still reading", async () => {
  const server = await startBinary();
  const provider = upstream(hesitant().script);
  const rest = await openStream(server, provider.url);
  server.kill("SIGTERM");
  await server.logs(/a second signal stops at once/);
  server.kill("SIGTERM");
  expect(await rest()).toMatch(
    /data: \{"error":\{"message":"the server is shutting down".*\}\}\n\ndata: \[DONE\]\n\n$/,
  );
  await provider.closed();
  expect(await server.ended).toBe(0);
  const next = await startBinary({ home: server.home });
  const { body } = await next.admin("GET", "/api/v1/audit?action=llm_inference_call");
  expect(body).toEqual([expect.objectContaining({ streaming: true, error: expect.any(String) })]);
});

it("ends with 0 on a signal that comes with its first answer, before it says that it listens", async () => {
  const home = freshFolder();
  const port = await freePort();
  const running = Bun.spawn([binary, "server", "--listen", `127.0.0.1:${port}`], {
    env: cleanEnv(home, { MCPCTL_LOG_FORMAT: "text" }),
    stderr: "pipe",
  });
  onTestFinished(() => running.kill("SIGKILL"));
  const answered = () =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      () => true,
      () => false,
    );
  while (!(await answered()) && running.exitCode === null);
  running.kill("SIGTERM");
  expect(await running.exited).toBe(0);
  expect(await textOf(running.stderr)).toContain("stopped");
});

it("does not wait for idle connections, nor for watchers", async () => {
  const server = await startBinary();
  const { hostname, port } = new URL(server.url);
  const idle = connect(Number(port), hostname);
  idle.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await new Promise((resolve) => idle.once("data", resolve));
  const silent = connect(Number(port), hostname);
  await new Promise((resolve) => silent.once("connect", resolve));
  const watching = watchOf(server);
  await watching.shown;
  const hungUp = new Promise((resolve) => idle.once("close", resolve));
  server.kill("SIGINT");
  expect(await server.ended).toBe(0);
  await hungUp;
  silent.destroy();
  expect(server.said.stderr).not.toContain("ERROR");
});

it("has `get -w` end with 130 on Ctrl-C, quietly, and go on after a restart of the server", async () => {
  const server = await startBinary();
  const { running, shown, lines } = watchOf(server);
  await shown;
  server.kill("SIGKILL");
  await server.ended;
  const next = await startBinary({ home: server.home });
  await must(next.run("create group later"));
  await lines(/^group\/later$/m);
  running.kill("SIGINT");
  expect(await running.exited).toBe(130);
  expect(await textOf(running.stderr)).toBe("");
});

/** `mcpctl get groups -w`, which has `shown` a group. */
function watchOf(server: BinaryServer) {
  const running = Bun.spawn([binary, "get", "groups", "-w", "-o", "name"], {
    env: cleanEnv(server.home),
    stdout: "pipe",
    stderr: "pipe",
  });
  onTestFinished(() => running.kill("SIGKILL"));
  let text = "";
  const reader = running.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const lines = async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the watch ended: ${text}`);
      text += value;
    }
  };
  return {
    running,
    lines,
    shown: must(server.run("create group first")).then(() => lines(/^group\/first$/m)),
  };
}
