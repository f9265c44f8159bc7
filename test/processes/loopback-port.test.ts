import { describe, expect, it, onTestFinished } from "vitest";
import { loopbackPort } from "../../src/processes/loopback-port.ts";

function listening(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  onTestFinished(() => server.stop(true));
  return server.port;
}

describe("loopbackPort", () => {
  it("returns a port that is free, which no outgoing connection is given, and leaves it free", () => {
    const port = loopbackPort(undefined);
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_768);
    expect(loopbackPort(port)).toBe(port);
  });

  it("fails when the configured port is taken, and says what to do", () => {
    const port = listening();
    expect(() => loopbackPort(port)).toThrow(
      expect.objectContaining({
        code: "unavailable",
        message: `port ${port} is taken by another program`,
        hint: "set another port in the config, or none for any free one",
      }),
    );
  });
});
