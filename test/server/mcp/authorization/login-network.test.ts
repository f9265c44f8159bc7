import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound } from "../../../../src/net/outbound.ts";
import { LoginNetwork } from "../../../../src/server/mcp/authorization/login-network.ts";
import { protectedServer } from "../../../support/mcp/protected-server.ts";

const fixture = (name: string) => Bun.file(`${import.meta.dirname}/../../../fixtures/tls/${name}`).text();

describe("the addresses for a login at an MCP server", async () => {
  const [cert, key] = await Promise.all([fixture("localhost.crt"), fixture("localhost.key")]);

  /** Starts a server at a private address, with a certificate for good.test. Counts its requests. */
  function startPrivateServer() {
    const reached = { times: 0 };
    const fetch = () => {
      reached.times++;
      return new Response("hello");
    };
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert, key }, fetch });
    onTestFinished(() => server.stop(true));
    return { port: server.port, reached };
  }

  /**
   * Reads metadata that a server names at a private address. The server's name leads to `claimed` when the login asks, and
   * to `connected` when it is connected to. Returns why it failed, if it did, and the names that were connected to.
   */
  async function begin(serverUrl: string, claimed: string, connected = "127.0.0.1") {
    const { port } = new URL(protectedServer().url);
    const names: string[] = [];
    const resolve = async (name: string) => {
      names.push(name);
      return [name === "localhost" ? "127.0.0.1" : connected];
    };
    const open = (network?: "public" | "private") => {
      const outbound = createOutbound({ resolve, ca: cert, ...(network && { network }) });
      onTestFinished(() => outbound.close());
      return outbound;
    };
    const network = new LoginNetwork({
      outbound: open(),
      publicOutbound: open("public"),
      privateOutbound: open("private"),
      lookUp: async () => [claimed],
    });
    const read = async () => {
      const fetch = await network.fetchFor(serverUrl);
      await fetch(`http://localhost:${port}/.well-known/oauth-protected-resource/mcp`);
    };
    const error = await read().catch((caught) => caught);
    return { message: error?.message, mayPass: error?.mayPass, names };
  }

  it("are public ones for a server of the internet (T195)", async () => {
    expect((await begin("https://mcp.example.com/mcp", "93.184.216.34")).message).toMatch(/not allowed/);
  });

  it("can be private for a server in a private network (T195)", async () => {
    const { port, reached } = startPrivateServer();
    for (const url of ["http://192.168.1.5/mcp", "http://nas.local/mcp", "https://mcp/mcp"])
      expect((await begin(url, "192.168.1.5")).message).toBeUndefined();
    expect(reached.times).toBe(0);
    expect((await begin(`https://good.test:${port}/mcp`, "192.168.1.5")).message).toBeUndefined();
    expect(reached.times).toBe(1);
  });

  it("are not private because the owner of a name says for a moment that it is (T339)", async () => {
    const { port, reached } = startPrivateServer();
    const refusal = { message: expect.stringMatching(/no server with its certificate/), mayPass: true };
    // The machine at the private address is none of the owner's.
    expect(await begin(`https://evil.test:${port}/mcp`, "192.168.1.5")).toMatchObject(refusal);
    // The server is at a public address, as before: it is not connected to.
    const moved = await begin(`https://good.test:${port}/mcp`, "192.168.1.5", "192.0.2.1");
    expect(moved).toMatchObject(refusal);
    expect(moved.names).toEqual(["good.test"]);
    expect(reached.times).toBe(0);
    // Without a certificate nothing is proved.
    const plain = await begin(`http://evil.test:${port}/mcp`, "192.168.1.5");
    expect(plain.message).toMatch(/not allowed/);
  });
});
