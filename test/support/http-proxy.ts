import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** An HTTP proxy that takes every host for this machine, and counts. */
export interface TestProxy {
  /** `http://127.0.0.1:40000` */
  url: string;
  /** `127.0.0.1:40000`, as errors name it. */
  name: string;
  /** The request lines: `CONNECT provider.test:443 HTTP/1.1`, `GET http://provider.test/x HTTP/1.1`. */
  lines: string[];
  /** The values of `proxy-authorization`, "" for none, in the same order. */
  logins: string[];
}

/**
 * Starts a proxy.
 *
 * @param options.answer a whole response in place of every connection: `HTTP/1.1 407 …`
 */
export async function testProxy(options: { answer?: string } = {}): Promise<TestProxy> {
  const proxy: TestProxy = { url: "", name: "", lines: [], logins: [] };
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((client) => {
    keep(client);
    let head = Buffer.alloc(0);
    const onData = (bytes: Buffer) => {
      head = Buffer.concat([head, bytes]);
      if (!head.includes("\r\n\r\n")) return;
      client.off("data", onData);
      client.pause();
      const text = head.toString("latin1");
      const [line = ""] = text.split("\r\n");
      proxy.lines.push(line);
      proxy.logins.push(/^proxy-authorization: (.*)$/im.exec(text)?.[1] ?? "");
      if (options.answer !== undefined) return void client.end(options.answer);
      const [method = "", target = ""] = line.split(" ");
      const isTunnel = method === "CONNECT";
      const { port, origin } = new URL(isTunnel ? `http://${target}` : target);
      const onward = connect(Number(port || 80), "127.0.0.1", () => {
        if (isTunnel) client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        else onward.write(Buffer.from(text.replace(origin, "").replace(/^proxy-.*\r\n/im, ""), "latin1"));
        client.pipe(onward);
        onward.pipe(client);
      });
      keep(onward);
      onward.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
    };
    client.on("data", onData);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return Object.assign(proxy, { url: `http://127.0.0.1:${port}`, name: `127.0.0.1:${port}` });
}

export const wantsLogin = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
export const badGateway = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
