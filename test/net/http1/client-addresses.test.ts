import { describe, expect, it } from "vitest";
import { at, clientOf, failureOf, get, hello, serve } from "./scripted-peer.ts";

describe("addresses of the HTTP client", () => {
  it("are all checked before any connection is opened", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const seen: string[] = [];
    const client = clientOf({
      resolve: async () => ["127.0.0.1", "169.254.169.254"],
      checkAddress(address, { hostname }) {
        seen.push(`${hostname} ${address}`);
        if (address.startsWith("169.254.")) throw new Error("link-local");
      },
    });
    expect((await failureOf(client.request(at(server.port, { hostname: "rebind.test" }), get))).kind).toBe(
      "refused",
    );
    expect(seen).toEqual(["rebind.test 127.0.0.1", "rebind.test 169.254.169.254"]);
    expect(server.peers).toEqual([]);
  });

  it("are resolved once for each connection, and the next one is tried if one refuses", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    let asked = 0;
    const client = clientOf({
      resolve: async () => {
        asked++;
        return ["::1", "127.0.0.1"];
      },
    });
    for (let turn = 0; turn < 2; turn++) {
      expect(await (await client.request(at(server.port, { hostname: "two.test" }), get)).text(100)).toBe(
        "hello",
      );
    }
    expect(asked).toBe(1);
    expect(server.requests[0]).toContain(`host: two.test:${server.port}\r\n`);
  });

  it("may be IPv6 literals, with or without brackets", async () => {
    const server = serve(({ socket }) => socket.write(hello), { hostname: "::1" });
    for (const hostname of ["::1", "[::1]"]) {
      const answer = await clientOf().request(at(server.port, { hostname }), get);
      expect(await answer.text(100)).toBe("hello");
    }
    expect(server.requests[0]).toContain(`host: [::1]:${server.port}\r\n`);
  });

  it("must exist: a name without an address fails the call", async () => {
    const client = clientOf({ resolve: async () => [] });
    expect((await failureOf(client.request(at(1, { hostname: "none.test" }), get))).kind).toBe("connect");
  });
});

describe("TLS of the HTTP client", async () => {
  const cert = await Bun.file(`${import.meta.dirname}/../../fixtures/tls/localhost.crt`).text();
  const key = await Bun.file(`${import.meta.dirname}/../../fixtures/tls/localhost.key`).text();
  const serveTls = () => serve(({ socket }) => socket.write(hello), { tls: { cert, key } });
  const resolve = async () => ["127.0.0.1"];

  it("connects to the checked address if the certificate is trusted and names the host", async () => {
    const server = serveTls();
    const client = clientOf({ resolve, tls: { ca: cert } });
    for (let turn = 0; turn < 2; turn++) {
      const answer = await client.request(
        at(server.port, { protocol: "https:", hostname: "good.test" }),
        get,
      );
      expect(await answer.text(100)).toBe("hello");
    }
    expect(server.peers.length).toBe(1);
  });

  it("sends nothing if the certificate names another host, is not trusted, or the host is an address", async () => {
    const server = serveTls();
    const trusting = clientOf({ resolve, tls: { ca: cert, rejectUnauthorized: false } });
    const target = (hostname: string) => at(server.port, { protocol: "https:", hostname });
    expect((await failureOf(trusting.request(target("evil.test"), get))).kind).toBe("connect");
    expect((await failureOf(trusting.request(target("127.0.0.1"), get))).kind).toBe("connect");
    expect((await failureOf(clientOf({ resolve }).request(target("good.test"), get))).kind).toBe("connect");
    expect(server.requests).toEqual([]);
  });

  it("fails if the peer never answers the handshake", async () => {
    const server = serve(() => {});
    const target = at(server.port, { protocol: "https:", hostname: "good.test" });
    const timeouts = { connect: 500, firstByte: 30_000, silence: 30_000 };
    const failure = await failureOf(clientOf({ resolve }).request(target, { ...get, timeouts }));
    expect(failure).toMatchObject({ kind: "connect", cause: { code: "ETIMEDOUT" } });
    await server.peers[0]!.gone.promise;
  });
});
