import { rootCertificates } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound } from "../../src/net/outbound.ts";

const fixture = (name: string) => Bun.file(`${import.meta.dirname}/../fixtures/tls/${name}`).text();

describe("a CA of one's own", async () => {
  const [cert, key] = await Promise.all([fixture("localhost.crt"), fixture("localhost.key")]);

  /** A server whose certificate, for good.test, no CA of the system has signed; and how often it is reached. */
  function secure() {
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
    const ask = async (ca?: string, host = "good.test") => {
      const resolve = async () => ["127.0.0.1"];
      const outbound = createOutbound(ca === undefined ? { resolve } : { resolve, ca });
      onTestFinished(() => outbound.close());
      const timeouts = { connect: 5_000, firstByte: 5_000, silence: 5_000 };
      const answer = await outbound(new URL(`https://${host}:${server.port}/`), {
        method: "GET",
        headers: {},
        timeouts,
      });
      return answer.text(100);
    };
    return { ask, reached };
  }

  it("is trusted, alone or among others", async () => {
    const { ask, reached } = secure();
    expect(await ask(cert)).toBe("hello");
    expect(await ask(`${rootCertificates[0]}\n# ours\n${cert}`)).toBe("hello");
    expect(reached.times).toBe(2);
  });

  it("is the one that is trusted, for the name in the certificate", async () => {
    const { ask, reached } = secure();
    for (const asking of [() => ask(), () => ask(rootCertificates[0]!), () => ask(cert, "evil.test")])
      await expect(asking()).rejects.toMatchObject({ name: "HttpFailure", kind: "connect" });
    expect(reached.times).toBe(0);
  });

  it.each(["", "  ", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])(
    "is refused when it is %j",
    (ca) => {
      expect(() => createOutbound({ ca })).toThrow(expect.objectContaining({ code: "invalid_request" }));
    },
  );

  it("is refused as a whole when one of several is bad", () => {
    const bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    expect(() => createOutbound({ ca: `${cert}\n${bad}` })).toThrow("the CA is not a certificate in PEM");
  });
});
