import { describe, expect, it, onTestFinished } from "vitest";
import { ownConnections } from "../../support/no-delay.ts";
import { chatFrames, chunk, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { question, withProvider } from "./setup.ts";

/** The state of TCP_NODELAY on every connection of a kind. */
function noDelay(end: "localPort" | "remotePort", url: string): boolean[] {
  const port = Number(new URL(url).port);
  return ownConnections()
    .filter((connection) => connection[end] === port)
    .map((connection) => connection.noDelay);
}

// Otherwise a token waits up to 40 ms for the acknowledgement of the one before it.
describe.skipIf(process.platform !== "linux")("small writes go out at once", () => {
  it("to the caller and to the provider during a stream", async () => {
    const [role = "", first = ""] = chatFrames(["a"], false);
    const { server, bearer, provider } = await withProvider((_, connection) => {
      connection.write(streamHead + chunk(role) + chunk(first));
    });
    const caller = await postRaw(server.url, bearer, "/v1/chat/completions", { ...question, stream: true });
    await caller.until(first);
    expect(noDelay("localPort", server.url)).toContain(true);
    expect(noDelay("localPort", server.url)).not.toContain(false);
    expect(noDelay("remotePort", provider.url)).toEqual([true]);
  });

  it("on the connections of the agent link: Bun's fetch and both ends of its WebSockets", async () => {
    await using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("plain")),
      websocket: { message() {} },
    });
    const socket = new WebSocket(server.url.href.replace("http", "ws"));
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    await (await fetch(server.url)).text();
    expect(noDelay("localPort", server.url.href)).toEqual([true, true]);
    expect(noDelay("remotePort", server.url.href)).toEqual([true, true]);
    socket.close();
  });

  it("and the check sees it on a connection that delays writes", async () => {
    const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    onTestFinished(() => server.stop(true));
    const socket = await Bun.connect({ hostname: "127.0.0.1", port: server.port, socket: { data() {} } });
    socket.setNoDelay(false);
    expect(noDelay("remotePort", `http://127.0.0.1:${server.port}`)).toEqual([false]);
    socket.end();
  });
});
