import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound } from "../../src/net/outbound.ts";
import { proxiedFetch, proxiedWebSocket } from "../../src/net/proxied.ts";
import { proxyRule } from "../../src/proxies.ts";
import { reasonText } from "../../src/system-errors.ts";
import { badGateway, testProxy, wantsLogin } from "../support/http-proxy.ts";
import { closedPort } from "../support/unreachable.ts";

const file = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/tls", name), "utf8");
// Issued for good.test.
const tls = { cert: file("localhost.crt"), key: file("localhost.key") };
const timeouts = { connect: 60_000, firstByte: 60_000, silence: 60_000 };

function serve(options: { tls?: typeof tls } = {}) {
  const server = Bun.serve<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    ...options,
    websocket: { message: (socket, message) => void socket.send(message) },
    fetch: (request, bun) =>
      bun.upgrade(request, { data: undefined })
        ? undefined
        : Response.json({ url: request.url, login: request.headers.get("proxy-authorization") }),
  });
  onTestFinished(() => server.stop(true));
  return server.port;
}

function outboundThrough(env: Record<string, string>, options: object = {}) {
  const outbound = createOutbound({ proxyFor: proxyRule(env), ...options });
  onTestFinished(() => outbound.close());
  return async (url: string) => {
    const response = await outbound(new URL(url), { method: "GET", headers: {}, timeouts });
    return { status: response.status, text: await response.text(10_000) };
  };
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => error,
  );

describe("the outbound client behind a proxy (failure mode 84)", () => {
  it("sends the whole URL and the login for http, and keeps the connection", async () => {
    const [proxy, port] = [await testProxy(), serve()];
    const get = outboundThrough({ HTTP_PROXY: proxy.url.replace("://", "://user:pass@") });
    for (const path of ["/a?b=c", "/d"]) {
      const { text } = await get(`http://provider.test:${port}${path}`);
      expect(JSON.parse(text).url).toBe(`http://provider.test:${port}${path}`);
    }
    expect(proxy.lines[0]).toBe(`GET http://provider.test:${port}/a?b=c HTTP/1.1`);
    expect(proxy.logins[0]).toBe(`Basic ${btoa("user:pass")}`);
  });

  it("opens a tunnel for https, in which the login and the path are not seen, and checks the certificate", async () => {
    const [proxy, port] = [await testProxy(), serve({ tls })];
    const env = { HTTPS_PROXY: proxy.url.replace("://", "://user:pass@") };
    const get = outboundThrough(env, { ca: tls.cert });
    for (let call = 0; call < 3; call++) {
      const { status, text } = await get(`https://good.test:${port}/secret-path`);
      expect([status, JSON.parse(text).login]).toEqual([200, null]);
    }
    // One tunnel serves all calls.
    expect(proxy.lines).toEqual([`CONNECT good.test:${port} HTTP/1.1`]);
    expect(proxy.logins).toEqual([`Basic ${btoa("user:pass")}`]);
    const wrongName = await failureOf(get(`https://bad.test:${port}/`));
    expect(reasonText(wrongName)).toBe(
      `the certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID), through the proxy ${proxy.name}`,
    );
    const unknown = await failureOf(outboundThrough(env)(`https://good.test:${port}/`));
    expect(reasonText(unknown)).toContain("(DEPTH_ZERO_SELF_SIGNED_CERT)");
  });

  it("goes directly to what NO_PROXY names, and to this machine", async () => {
    const [proxy, port] = [await testProxy(), serve()];
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: "provider.test" };
    const get = outboundThrough(env, { resolve: async () => ["127.0.0.1"] });
    expect((await get(`http://provider.test:${port}/`)).status).toBe(200);
    expect((await get(`http://127.0.0.1:${port}/`)).status).toBe(200);
    expect(proxy.lines).toEqual([]);
  });

  it.each([
    ["wants a login", wantsLogin, "the proxy requires a user and password"],
    ["cannot connect", badGateway, "the proxy refused the connection with status 502"],
    ["does not speak HTTP", "SSH-2.0\r\n\r\n", "the proxy does not speak HTTP"],
    [
      "sends more than a head",
      "HTTP/1.1 200 OK\r\n\r\nextra",
      "the proxy refused the connection with status 200",
    ],
  ])("names a proxy that %s", async (_, answer, words) => {
    const proxy = await testProxy({ answer });
    const failure = await failureOf(outboundThrough({ HTTPS_PROXY: proxy.url })("https://provider.test/"));
    expect(failure.kind).toBe("connect");
    expect(reasonText(failure)).toBe(`${words} (ERR_PROXY_TUNNEL), through the proxy ${proxy.name}`);
  });

  it("does not take the proxy's refusal of http for an answer of the provider", async () => {
    const proxy = await testProxy({ answer: wantsLogin });
    const failure = await failureOf(outboundThrough({ HTTP_PROXY: proxy.url })("http://provider.test/"));
    expect(reasonText(failure)).toContain("the proxy requires a user and password");
  });

  it("names a proxy that is not there, without its password", async () => {
    const port = closedPort();
    for (const scheme of ["http", "https"]) {
      const env = {
        HTTP_PROXY: `http://u:canary@127.0.0.1:${port}`,
        HTTPS_PROXY: `http://u:canary@127.0.0.1:${port}`,
      };
      const failure = await failureOf(outboundThrough(env)(`${scheme}://provider.test/`));
      expect(reasonText(failure)).toBe(
        `the connection was refused (ECONNREFUSED), through the proxy 127.0.0.1:${port}`,
      );
      expect(Bun.inspect(failure)).not.toContain("canary");
    }
  });

  it("gives up a proxy that does not answer, after the time for a connection", async () => {
    const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    onTestFinished(() => mute.stop(true));
    const outbound = createOutbound({
      proxyFor: proxyRule({ HTTPS_PROXY: `http://127.0.0.1:${mute.port}` }),
    });
    onTestFinished(() => outbound.close());
    const limits = { ...timeouts, connect: 100 };
    const call = outbound(new URL("https://provider.test/"), {
      method: "GET",
      headers: {},
      timeouts: limits,
    });
    expect(await failureOf(call)).toMatchObject({ kind: "connect", proxy: `127.0.0.1:${mute.port}` });
  });

  it("refuses forbidden addresses and names, and addresses that it can resolve (T05, T106)", async () => {
    const proxy = await testProxy();
    const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
    const get = outboundThrough(env, {
      resolve: async (name: string) => {
        if (name === "hidden.test") throw new Error("no such name here");
        return ["169.254.169.254"];
      },
    });
    const urls = ["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "rebind.test"];
    for (const host of urls)
      for (const scheme of ["http", "https"])
        expect(await failureOf(get(`${scheme}://${host}/`)), host).toMatchObject({ kind: "refused" });
    expect(proxy.lines).toEqual([]);
    // The proxy may know a name that this machine does not.
    const port = serve();
    expect((await get(`http://hidden.test:${port}/`)).status).toBe(200);
  });
});

describe("fetch and WebSocket of the agent behind a proxy", () => {
  it("both use it, with its login, and note its name in a failure", async () => {
    const [proxy, port] = [await testProxy(), serve()];
    const rule = proxyRule({ HTTP_PROXY: proxy.url.replace("://", "://user:pass@"), HTTPS_PROXY: proxy.url });
    const send = proxiedFetch(rule, fetch);
    expect((await send(`http://server.test:${port}/`)).status).toBe(200);
    const Socket = proxiedWebSocket(
      rule,
      WebSocket as unknown as new (
        url: string,
        options: object,
      ) => WebSocket,
    );
    const socket = new Socket(`ws://server.test:${port}/`, {});
    const echo = await new Promise((resolve) => {
      socket.onopen = () => socket.send("hello");
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve("error");
    });
    socket.close();
    expect(echo).toBe("hello");
    expect(proxy.lines.map((line) => line.split(" ")[0])).toEqual(["GET", "CONNECT"]);
    expect(new Set(proxy.logins)).toEqual(new Set([`Basic ${btoa("user:pass")}`]));
    const dead = await failureOf(send("https://server.test:1/"));
    expect(reasonText(dead)).toContain(`through the proxy ${proxy.name}`);
    expect((await send(`http://127.0.0.1:${port}/`)).status).toBe(200);
    expect(proxy.lines).toHaveLength(3);
  });
});
