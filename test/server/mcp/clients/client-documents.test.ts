import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound, HttpFailure, type Outbound } from "../../../../src/net/outbound.ts";
import { ClientDocuments, DocumentUnreached } from "../../../../src/server/mcp/clients/client-documents.ts";

const id = "https://client.example/mcp.json";
const document = { client_id: id, client_name: "A client", redirect_uris: ["https://client.example/cb"] };

/** Documents that a scripted network answers. */
function documents(
  answer: (url: URL) => Partial<{ status: number; type: string; cache: string; text: string }>,
) {
  const asked: string[] = [];
  let elapsed = 0;
  const outbound = (async (url) => {
    asked.push(url.href);
    const {
      status = 200,
      type = "application/json",
      cache = "",
      text = JSON.stringify(document),
    } = answer(url);
    return {
      status,
      headers: new Map([
        ["content-type", type],
        ["cache-control", cache],
      ]),
      cancel() {},
      async text(limit: number) {
        if (text.length > limit) throw new HttpFailure("too-large", "too large");
        return text;
      },
    } as unknown as Awaited<ReturnType<Outbound>>;
  }) satisfies Outbound;
  return {
    asked,
    pass: (milliseconds: number) => {
      elapsed += milliseconds;
    },
    documents: new ClientDocuments({ outbound, elapsed: () => elapsed }),
  };
}

describe("the document of a client", () => {
  it("is read once for requests at a time, and kept as long as it says, within bounds", async () => {
    const { documents: reader, asked, pass } = documents(() => ({ cache: "max-age=3600" }));
    const client = { id, name: "A client", redirectUris: document.redirect_uris, host: "client.example" };
    expect(await Promise.all([reader.read(id), reader.read(id)])).toEqual([client, client]);
    pass(3_599_000);
    await reader.read(id);
    expect([asked, reader.has(id)]).toEqual([[id], true]);
    pass(2000);
    expect(reader.has(id)).toBe(false);
    await reader.read(id);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["answers an error", { status: 404 }],
    ["redirects", { status: 302 }],
    ["is a page", { type: "text/html" }],
    ["is no JSON", { text: "{" }],
    ["is a list", { text: "[]" }],
    ["is too large", { text: `${JSON.stringify(document)}${" ".repeat(20_000)}` }],
    ["is that of another client", { text: JSON.stringify({ ...document, client_id: `${id}2` }) }],
    ["has no redirect URIs", { text: JSON.stringify({ client_id: id }) }],
    ["has a bad one", { text: JSON.stringify({ ...document, redirect_uris: ["http://evil.example/"] }) }],
    [
      "wants a secret",
      { text: JSON.stringify({ ...document, token_endpoint_auth_method: "private_key_jwt" }) },
    ],
  ])("is refused if it %s, and asked for again the next time", async (_, answer) => {
    const { documents: reader, asked } = documents(() => answer);
    for (let i = 0; i < 2; i++) await expect(reader.read(id)).rejects.toMatchObject({ name: "OAuthError" });
    expect(asked).toHaveLength(2);
  });

  it("of a host that nobody reaches is told apart from one that is not allowed, and not asked for again at once", async () => {
    const {
      documents: reader,
      asked,
      pass,
    } = documents(() => {
      throw new HttpFailure("connect", "no route");
    });
    for (let i = 0; i < 3; i++) await expect(reader.read(id)).rejects.toThrow(DocumentUnreached);
    expect(asked).toHaveLength(1);
    pass(31_000);
    await expect(reader.read(id)).rejects.toThrow(DocumentUnreached);
    expect(asked).toHaveLength(2);
  });

  it("of a host that takes the connection and says nothing is given up in time (T275)", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    onTestFinished(() => silent.stop(true));
    const outbound = createOutbound();
    onTestFinished(() => outbound.close());
    const reader = new ClientDocuments({ outbound, elapsed: () => 0, longest: 100 });
    await expect(reader.read(`https://localhost:${silent.port}/mcp.json`)).rejects.toThrow(DocumentUnreached);
  });

  it.each([
    "http://client.example/mcp.json",
    "https://client.example/",
    "https://client.example",
    "https://client.example/a/../mcp.json",
    "https://client.example/mcp.json#x",
    "https://user@client.example/mcp.json",
    "https://CLIENT.example/mcp.json",
    `https://client.example/${"x".repeat(500)}`,
    "https://",
  ])("is not read from %s", async (url) => {
    const { documents: reader, asked } = documents(() => ({}));
    await expect(reader.read(url)).rejects.toMatchObject({ code: "invalid_client" });
    expect(asked).toEqual([]);
  });

  it("is never read from an address of a private network, whatever name leads there (T275)", async () => {
    let calls = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch() {
        calls++;
        return Response.json(document);
      },
    });
    onTestFinished(() => server.stop(true));
    const outbound = createOutbound({ network: "public", resolve: async () => ["127.0.0.1"] });
    onTestFinished(() => outbound.close());
    const reader = new ClientDocuments({ outbound, elapsed: () => 0 });
    const failures = [];
    for (const host of ["127.0.0.1", "rebinding.example", "[::1]", "169.254.169.254", "10.0.0.1"])
      failures.push(
        await reader
          .read(`https://${host}:${server.port}/mcp.json`)
          .catch((error) =>
            error instanceof DocumentUnreached ? "may be let in" : `${error.code}: ${error.message}`,
          ),
      );
    for (const failure of failures)
      expect(failure).toMatch(/^invalid_client: the document of the client at \S+ cannot be read$/);
    expect(calls).toBe(0);
  });
});
