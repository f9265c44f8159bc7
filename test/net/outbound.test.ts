import { rootCertificates } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound } from "../../src/net/outbound.ts";

const fixture = (name: string) => Bun.file(`${import.meta.dirname}/../fixtures/tls/${name}`).text();

describe("a CA given to createOutbound", async () => {
  const [cert, key] = await Promise.all([fixture("localhost.crt"), fixture("localhost.key")]);

  /** Starts a server with a certificate for good.test that no CA of the system has signed. Counts its requests. */
  function startTlsServer() {
    const reached = { times: 0 };
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert, key },
      fetch() {
        reached.times++;
        return new Response("hello");
      },
    });
    onTestFinished(() => server.stop(true));
    const request = async (ca?: string, host = "good.test") => {
      const resolve = async () => ["127.0.0.1"];
      const outbound = createOutbound(ca === undefined ? { resolve } : { resolve, ca });
      onTestFinished(() => outbound.close());
      const timeouts = { connect: 30_000, firstByte: 30_000, silence: 30_000 };
      const answer = await outbound(new URL(`https://${host}:${server.port}/`), {
        method: "GET",
        headers: {},
        timeouts,
      });
      return answer.text(100);
    };
    return { request, reached };
  }

  it("is trusted, alone or among others", async () => {
    const { request, reached } = startTlsServer();
    expect(await request(cert)).toBe("hello");
    expect(await request(`${rootCertificates[0]}\n# ours\n${cert}`)).toBe("hello");
    expect(reached.times).toBe(2);
  });

  it("is the only CA that is trusted, for the name in the certificate", async () => {
    const { request, reached } = startTlsServer();
    for (const attempt of [
      () => request(),
      () => request(rootCertificates[0]!),
      () => request(cert, "evil.test"),
    ])
      await expect(attempt()).rejects.toMatchObject({ name: "HttpFailure", kind: "connect" });
    expect(reached.times).toBe(0);
  });

  it.each(["", "  ", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])(
    "is refused if it is %j",
    (ca) => {
      expect(() => createOutbound({ ca })).toThrow(expect.objectContaining({ code: "invalid_request" }));
    },
  );

  it("is refused as a whole if one of several certificates is malformed", () => {
    const bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    expect(() => createOutbound({ ca: `${cert}\n${bad}` })).toThrow("the CA is not a certificate in PEM");
  });
});
